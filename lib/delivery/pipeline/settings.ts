/** What a pipeline is made with; a worker gets it as a message. */
import type { Connection } from '../../options/connection-string'
import type { Timing } from '../timing'

export interface PipelineSettings {
  connection: Connection
  /** The directory itself. Undefined: nothing is kept on disk. */
  storage: string | undefined
  maxStorageBytes: number
  statsbeat: boolean
  timing: Timing
  /** Of this process, in its files. */
  process: string
}

/** Whose files are whose, among the threads of one process. */
export interface FileOwnership {
  owner: string
  /** Of workers that are no more. */
  predecessors: readonly string[]
}
