/** The ingestion endpoint → which calls bring telemetry there: ours, or those of another Application Insights SDK. */

// What every SDK posts to. The rest of that origin may be the app's own: a gateway serves more than telemetry.
const TRACKS = ['/v2/track', '/v2.1/track']

export function createOwnTraffic (endpoint: string): (url: string) => boolean {
  const { origin, pathname } = new URL(endpoint)
  const tracks = TRACKS.map(track => pathname.replace(/\/+$/, '') + track)
  return url => {
    // Most calls go elsewhere, and a prefix is told fast.
    if (url.slice(0, origin.length).toLowerCase() !== origin) return false
    const target = new URL(url)
    return target.origin === origin && tracks.includes(target.pathname)
  }
}
