/** Error of a call → a short reason: its code, or its name. */
export function reasonOf (error: unknown): string {
  const { code, name, cause } = error as { code?: unknown, name?: unknown, cause?: { code?: unknown } }
  if (typeof code === 'string' && code !== '') return code
  if (typeof cause?.code === 'string') return cause.code
  return typeof name === 'string' && name !== '' ? name : 'error'
}
