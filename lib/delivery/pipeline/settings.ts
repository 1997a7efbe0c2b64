/** The settings that create a pipeline; a worker gets them as a message. */
import type { Connection } from '../../options/connection-string'
import type { Timing } from '../timing'

export interface PipelineSettings {
  connection: Connection
  /** The directory itself. Undefined: nothing is stored on disk. */
  storage: string | undefined
  maxStorageBytes: number
  statsbeat: boolean
  timing: Timing
  /** Identifies this process in its files. */
  process: string
}

/** Which thread of a process owns which files. */
export interface FileOwnership {
  owner: string
  /** Workers that have died. */
  predecessors: readonly string[]
}
