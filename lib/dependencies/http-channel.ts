/** A new request of `node:http` → the channel that announces it while its headers can still be set: Node's, or ours. */
import { type Channel, channel } from 'node:diagnostics_channel'
import { ClientRequest } from 'node:http'

// Node 20, and 22 before 22.12, don't have this channel.
const ANNOUNCED = 'http.client.request.created'
const OWN: Channel = channel('fastify-app-insights.http.client.request')

type Prototype = ClientRequest & { _implicitHeader: () => void }
const prototype = ClientRequest.prototype as Prototype
// One per process, like the prototype. Node calls it just before it renders the headers.
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
    // These Node release lines no longer change, so the internal method is safe to patch.
    implicitHeader = prototype._implicitHeader
    prototype._implicitHeader = announce
  }
  return OWN.name as string
}

/** After the last subscriber has left. */
export function stopAnnouncing (): void {
  // If other code has patched ours since, ours stays and only calls the original.
  if (OWN.hasSubscribers || prototype._implicitHeader !== announce) return
  prototype._implicitHeader = implicitHeader!
  implicitHeader = undefined
}
