/** URLs, texts and log lines → the same without secrets. */

export interface Redactor {
  /** For a URL or a request target, by its structure. */
  url: (url: string) => string
  /** Whether a text contains nothing that even looks like a secret, so that the others would return it unchanged. */
  isClean: (text: string) => boolean
  /** For any text. Finds every URL, connection string and header in it. */
  text: (text: string) => string
  /** For a line as a logger wrote it. JSON stays valid JSON. */
  line: (line: string) => string
}
