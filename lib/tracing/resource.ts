/** Environment → role, instance and version of every row. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { appFolder } from '../app'

/** The part of an OpenTelemetry resource that we need. */
export interface Role {
  readonly attributes: Readonly<Record<string, string>>
}

// Written out: the package with all names takes 8 ms to load.
const ATTR_SERVICE_NAME = 'service.name'
const ATTR_SERVICE_VERSION = 'service.version'
const ATTR_SERVICE_NAMESPACE = 'service.namespace'
const ATTR_SERVICE_INSTANCE_ID = 'service.instance.id'

/**
 * Role, first match: the option, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, the app's name in App Service, Functions or
 * Container Apps, the Kubernetes deployment, the name in package.json. Instance: the platform's id, or else the host name.
 * @see https://learn.microsoft.com/azure/azure-monitor/app/opentelemetry-configuration#set-the-cloud-role-name-and-the-cloud-role-instance
 */
export function detectRole (serviceName: string | undefined, env: NodeJS.ProcessEnv): Role {
  const given = resourceAttributes(env.OTEL_RESOURCE_ATTRIBUTES)
  const manifest = ownPackage()
  // The option is the complete name.
  if (serviceName !== undefined) delete given[ATTR_SERVICE_NAMESPACE]
  const attributes = {
    ...given,
    [ATTR_SERVICE_NAME]: serviceName ?? filled(env.OTEL_SERVICE_NAME) ?? given[ATTR_SERVICE_NAME] ??
      filled(env.WEBSITE_SITE_NAME) ?? filled(env.CONTAINER_APP_NAME) ?? deploymentOf(env) ?? manifest.name ?? 'unknown_service:node',
    // Without it, the exporter asks the system for the host name once per row.
    [ATTR_SERVICE_INSTANCE_ID]: given[ATTR_SERVICE_INSTANCE_ID] ??
      filled(env.WEBSITE_INSTANCE_ID) ?? filled(env.CONTAINER_APP_REPLICA_NAME) ?? podOf(env) ?? hostname(),
    ...(given[ATTR_SERVICE_VERSION] === undefined && manifest.version !== undefined ? { [ATTR_SERVICE_VERSION]: manifest.version } : {})
  }
  return { attributes }
}

/** In Kubernetes, a container's host name is the name of its pod. */
function podOf (env: NodeJS.ProcessEnv): string | undefined {
  return filled(env.KUBERNETES_SERVICE_HOST) === undefined ? undefined : filled(env.HOSTNAME)
}

/** A deployment's pods are named `<deployment>-<hash of its template>-<5 characters>`, in an alphabet without vowels. */
function deploymentOf (env: NodeJS.ProcessEnv): string | undefined {
  return /^(.+)-[bcdf-hj-np-tv-z2456789]{6,10}-[bcdf-hj-np-tv-z2456789]{5}$/.exec(podOf(env) ?? '')?.[1]
}

/** `cloud_RoleName`, by the exporter's rules. */
export function roleOf ({ attributes }: Role): string {
  const kubernetes = ['deployment', 'replicaset', 'statefulset', 'job', 'cronjob', 'daemonset'].map(kind => attributes[`k8s.${kind}.name`])
  const [name, namespace] = [String(attributes[ATTR_SERVICE_NAME]), attributes[ATTR_SERVICE_NAMESPACE]]
  const service = namespace === undefined ? name : `${String(namespace)}.${name}`
  return name.startsWith('unknown_service') ? String(kubernetes.find(Boolean) ?? service) : service
}

/** `key=value,key=value`, percent-encoded. */
function resourceAttributes (list: string | undefined): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const pair of (list ?? '').split(',')) {
    const at = pair.indexOf('=')
    if (at < 1) continue
    const value = pair.slice(at + 1).trim().replace(/^"(.*)"$/, '$1')
    if (value === '') continue
    try {
      attributes[pair.slice(0, at).trim()] = decodeURIComponent(value)
    } catch {
      attributes[pair.slice(0, at).trim()] = value
    }
  }
  return attributes
}

function filled (value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value
}

interface Package { name: string, version?: string }

/** The app's package.json. If a tool starts the app outside of any package, the tool's. */
function ownPackage (): Partial<Package> {
  return nearestPackage(appFolder()) ?? nearestPackage(dirname(process.argv[1] ?? '')) ?? {}
}

function nearestPackage (start: string): Package | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>
      // A package.json without a name only sets the module type of its folder.
      if (typeof name === 'string' && name !== '') return { name, ...(typeof version === 'string' ? { version } : {}) }
    } catch {}
    if (dirname(folder) === folder) return undefined
  }
}
