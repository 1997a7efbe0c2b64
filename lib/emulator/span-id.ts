/** Older SDKs write `|trace.span.`, newer ones just the span id. Also runs in the page. */
export function spanId (id: string): string {
  return /^\|[0-9a-f]{32}\.([0-9a-f]{16})\.?$/.exec(id)?.[1] ?? id
}
