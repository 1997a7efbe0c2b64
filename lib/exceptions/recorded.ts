/** Texts passed to `recordException` → a row each, unless the error that they describe gets its own row. */
import type { Span } from '@opentelemetry/api'
import type { Operation, RecordedText } from '../tracing/operation'
import { readProperty, readText } from '../rows/hostile'
import { partsOf } from './causes'

export interface RecordedTexts {
  /** @param report creates the row if nothing else has */
  buffer: (span: Span, exception: unknown, operation: Operation | undefined, report: () => void) => void
  /** The error has a row, so texts that describe it don't need one. */
  release: (error: unknown, operation: Operation | undefined) => void
  /** The operation has ended: reports the texts that match no reported error. */
  settle: (operation: Operation, isKnown: (message: string) => boolean) => void
  /** Reports all texts outside operations. */
  drain: () => void
}

const MAX_BUFFERED = 100
// In milliseconds. Outside operations, no event says that the error won't follow. Inside, an operation may last for hours.
const WAITS = { outside: 1_000, within: 10_000 }

export function createRecordedTexts (waits = WAITS): RecordedTexts {
  let outside: RecordedText[] = []
  let timer: NodeJS.Timeout | undefined

  function drain (): void {
    clearTimeout(timer)
    timer = undefined
    const texts = outside
    outside = []
    for (const { report } of texts) report()
  }

  function expire (operation: Operation, text: RecordedText): void {
    if (operation.recorded?.includes(text) !== true) return
    operation.recorded = operation.recorded.filter(other => other !== text)
    text.report()
  }

  return {
    buffer (span, exception, operation, report) {
      const text: RecordedText = { span, message: typeof exception === 'string' ? exception : readText(exception, 'message') ?? '', report }
      if (operation === undefined || operation.hasEnded) {
        if (outside.push(text) >= MAX_BUFFERED) drain()
        else timer ??= setTimeout(drain, waits.outside).unref()
        return
      }
      const texts = operation.recorded ?? []
      if (texts.length >= MAX_BUFFERED) {
        report()
        return
      }
      operation.recorded = [...texts, text]
      setTimeout(expire, waits.within, operation, text).unref()
    },
    release (error, operation) {
      const texts = operation?.recorded
      if (outside.length === 0 && texts === undefined) return
      const messages = new Set(messagesOf(error))
      const isOther = (text: RecordedText): boolean => !isAbout(text, message => messages.has(message))
      outside = outside.filter(isOther)
      if (texts !== undefined) operation!.recorded = texts.filter(isOther)
    },
    settle (operation, isKnown) {
      operation.hasEnded = true
      const { recorded: texts } = operation
      if (texts === undefined) return
      operation.recorded = undefined
      for (const text of texts) if (!isAbout(text, isKnown)) text.report()
    },
    drain
  }
}

/** The messages of an error and its causes. */
export function messagesOf (error: unknown): string[] {
  return partsOf(error).map(part => typeof part === 'string' ? part : readText(part, 'message') ?? '').filter(message => message !== '')
}

/** Instrumentations may shorten the text that they record, but the span's status has the full message. */
function isAbout ({ span, message }: RecordedText, isKnown: (message: string) => boolean): boolean {
  const status = readText(readProperty(span, 'status'), 'message')
  return (message !== '' && isKnown(message)) || (status !== undefined && status !== '' && isKnown(status))
}
