/** The clock of whoever runs this: the system's own, whatever an app's tests have put in its place. */

export interface Clock {
  readonly setTimeout: typeof setTimeout
  readonly clearTimeout: typeof clearTimeout
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
}
