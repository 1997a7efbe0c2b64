/** Instances that send to the same place in the same way share one thread, its memory and its files. */
import { randomBytes } from 'node:crypto'
import type { TokenCredential } from '@azure/core-auth'
import { setTimeout } from '../clock'
import type { DeliveryOptions } from './delivery'
import { spoolDirectory } from './spool'
import { LOCAL_TIMING, TIMING } from './timing'
import type { Client, Link, LinkSettings } from './worker/link'
import { LocalLink } from './worker/local-link'
import { WorkerLink } from './worker/worker-link'

/** In milliseconds: test suites create one app after another. */
const FORGET_AFTER = 5_000

export interface SharedLink { readonly key: string, readonly link: Link, readonly clients: Map<number, Client>, users: number }

// One map per process: a thread and its memory are too expensive to give every instance its own.
const links = new Map<string, SharedLink>()
const credentials = new WeakMap<TokenCredential, number>()
const PROCESS = randomBytes(8).toString('hex')
let lastCredential = 0

export function settingsOf ({ connection, worker, storageDirectory, maxStorageBytes, statsbeat, credential, timing }: DeliveryOptions): LinkSettings {
  return {
    connection,
    worker,
    credential,
    storage: storageDirectory === false ? undefined : spoolDirectory(connection, storageDirectory),
    maxStorageBytes,
    statsbeat,
    process: PROCESS,
    // Compressing is pointless when the endpoint is on this machine.
    timing: { ...TIMING, ...(worker ? {} : LOCAL_TIMING), compress: !connection.loopback, ...timing }
  }
}

export function joinLink (settings: LinkSettings): SharedLink {
  const { connection, credential, ...rest } = settings
  const key = JSON.stringify([connection.connectionString, connection.liveEndpoint, credentialId(credential), rest])
  let shared = links.get(key)
  if (shared === undefined) {
    const clients = new Map<number, Client>()
    shared = { key, link: new (settings.worker ? WorkerLink : LocalLink)(settings, clients), clients, users: 0 }
    links.set(key, shared)
  }
  shared.users++
  return shared
}

/** @returns whether nobody else uses it now */
export function leaveLink (shared: SharedLink): boolean {
  return --shared.users === 0
}

/** The instance has nothing more to send. */
export async function releaseLink (shared: SharedLink, id: number): Promise<void> {
  shared.clients.delete(id)
  await shared.link.release(id)
  if (shared.users === 0) setTimeout(forgetUnused, FORGET_AFTER, shared).unref()
}

/** Its connection string is no longer used. */
function forgetUnused (shared: SharedLink): void {
  if (shared.users === 0 && links.get(shared.key) === shared) links.delete(shared.key)
}

function credentialId (credential: TokenCredential | undefined): number {
  if (credential === undefined) return 0
  let id = credentials.get(credential)
  if (id === undefined) credentials.set(credential, id = ++lastCredential)
  return id
}
