/** The ingestion endpoint → a check for calls that send telemetry to it, from us or another Application Insights SDK. */

// Every SDK posts to these paths. Other paths may belong to the app, because a gateway can serve both.
const TRACKS = ['/v2/track', '/v2.1/track']

export function createOwnTraffic (endpoint: string): (url: string) => boolean {
  const { origin, pathname } = new URL(endpoint)
  const tracks = TRACKS.map(track => pathname.replace(/\/+$/, '') + track)
  return url => {
    // Most calls go elsewhere, and comparing the prefix is cheap.
    if (url.slice(0, origin.length).toLowerCase() !== origin) return false
    const target = new URL(url)
    return target.origin === origin && tracks.includes(target.pathname)
  }
}
