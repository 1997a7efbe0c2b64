/** The channel that a request of `node:http` is announced on while its headers can still be set: Node's own, or ours. */
import { type Channel, channel } from 'node:diagnostics_channel'
import { ClientRequest } from 'node:http'

// Node 20, and 22 before 22.12, have none.
const ANNOUNCED = 'http.client.request.created'
const OWN: Channel = channel('fastify-app-insights.http.client.request')

type Prototype = ClientRequest & { _implicitHeader: () => void }
const prototype = ClientRequest.prototype as Prototype
// One prototype per process. It is called where headers are about to be rendered.
let implicitHeader: (() => void) | undefined

function announce (this: ClientRequest): void {
  if (OWN.hasSubscribers) OWN.publish({ request: this })
  implicitHeader!.call(this)
}

/** @returns the channel's name */
export function announceRequests (): string {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
  if (major > 23 || (major === 23 && minor >= 2) || (major === 22 && minor >= 12)) return ANNOUNCED
  if (implicitHeader === undefined) {
    // These lines of Node get no more changes, so that an internal method stays what it is.
    implicitHeader = prototype._implicitHeader
    prototype._implicitHeader = announce
  }
  return OWN.name as string
}

/** After the last subscriber has left. */
export function stopAnnouncing (): void {
  // Somebody else may have patched ours by now: then ours only passes on.
  if (OWN.hasSubscribers || prototype._implicitHeader !== announce) return
  prototype._implicitHeader = implicitHeader!
  implicitHeader = undefined
}
