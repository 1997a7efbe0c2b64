/** What redacts: one for each form that a secret may be in. */

export interface Redactor {
  /** A url or a request target, by its structure. */
  url: (url: string) => string
  /** Any text: every url, connection string and header in it. */
  text: (text: string) => string
  /** A line as a logger wrote it. JSON stays valid JSON. */
  line: (line: string) => string
}
