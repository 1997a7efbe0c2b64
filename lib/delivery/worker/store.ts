/** Batches that no worker will handle → the disk, written by the main thread in the format that the next process reads. */
import { total } from '../counters'
import { compress, Spool } from '../spool'
import { plain, type Client, type LinkSettings, type Sealed } from './link'

export function storeSealed ({ id, sealed, counts }: Sealed, client: Client | undefined, { storage, maxStorageBytes, process }: LinkSettings): void {
  if (client === undefined || total(counts) === 0) return
  if (storage === undefined) return client.counters.move(counts, null, 'closed')
  try {
    const spool = new Spool({ directory: storage, maxBytes: maxStorageBytes })
    spool.write({ form: 'packed', data: compress(sealed), counts, resource: plain(client.resource()), origin: `${process}/${id}` })
    spool.release()
    client.counters.move(counts, null, 'spooled')
  } catch {
    client.counters.move(counts, null, 'storageFailed')
  }
}
