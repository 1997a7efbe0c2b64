/** A button that puts text on the clipboard and says so. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'

export function Copy ({ text, children }: { text: () => string, children: ComponentChildren }) {
  const [done, setDone] = useState<boolean>()
  return (
    <button
      type='button' onClick={() => {
        navigator.clipboard.writeText(text()).then(() => setDone(true), () => setDone(false)).finally(() => setTimeout(() => setDone(undefined), 1_500))
      }}
    >
      {done === undefined ? children : done ? 'Copied' : 'Not allowed'}
    </button>
  )
}

export function connectionString (): string {
  return `InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=${location.origin}`
}
