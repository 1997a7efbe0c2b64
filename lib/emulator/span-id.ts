/** The older SDKs write `|trace.span.` where the newer ones write the span's id alone. Also runs in the page. */
export function spanId (id: string): string {
  return /^\|[0-9a-f]{32}\.([0-9a-f]{16})\.?$/.exec(id)?.[1] ?? id
}
