/** 307 or 308 → the new endpoint, if it can be trusted with telemetry. */

/** The path that the exporter posts to. */
export const TRACK = '/v2.1/track'
// The exporter's groups of Azure hosts that may redirect to each other.
const TRUSTED_HOSTS = [
  ['.livediagnostics.monitor.azure.com', '.monitor.azure.com', '.services.visualstudio.com', '.applicationinsights.azure.com'],
  ['.monitor.azure.us', '.applicationinsights.azure.us'],
  ['.monitor.azure.cn', '.applicationinsights.azure.cn']
]

/**
 * @param url the URL that was posted to
 * @param location the Location header, absolute or relative
 * @returns the new endpoint, without the shared path; undefined if the redirect must not be followed
 */
export function redirectedEndpoint (url: URL, location: string | undefined): string | undefined {
  if (location === undefined || !URL.canParse(location, url.href)) return undefined
  const to = new URL(location, url)
  if (to.protocol !== 'https:' && to.protocol !== url.protocol) return undefined
  if (to.protocol !== 'https:' && to.protocol !== 'http:') return undefined
  if (to.username !== '' || to.password !== '') return undefined
  if (to.hostname === url.hostname ? to.port !== url.port : !areRelated(to, url)) return undefined
  return to.origin + (to.pathname.endsWith(TRACK) ? to.pathname.slice(0, -TRACK.length) : '')
}

function areRelated (to: URL, from: URL): boolean {
  if (to.protocol !== 'https:' || to.port !== '' || from.port !== '') return false
  return TRUSTED_HOSTS.some(group => [to, from].every(url => group.some(suffix => url.hostname.endsWith(suffix))))
}
