import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import t from 'tap'
import { parseConnectionString } from '../../dist/options/connection-string.js'
import { compress, expand, Spool, spoolDirectory, type SpoolFile } from '../../dist/delivery/spool/index.js'
import { ingestion } from '../fixtures/ingestion'
import { run } from '../fixtures/process'
import { produce, QUICK, sums, temporary, until } from '../fixtures/telemetry'

function open (directory: string, maxBytes = 1e6, busy = (_file: SpoolFile): boolean => false): { spool: Spool, gone: Array<[number, string]> } {
  const gone: Array<[number, string]> = []
  return { spool: new Spool({ directory, maxBytes, isBusy: busy, onDropped: (file, why) => gone.push([file.items, why]) }), gone }
}

const counts = (items: number): number[] => [0, 0, items, 0, 0, 0]
const parcel = (items: number, bytes = 100): { form: 'body', data: Buffer, counts: number[] } => ({ form: 'body', data: compress(Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 2654435761) & 0xff))), counts: counts(items) })

t.test('what was written can be read, and has only one owner', async t => {
  const directory = temporary(t)
  const first = open(directory).spool
  const file = first.write({ form: 'body', data: compress('[1,2]'), counts: counts(2) })
  t.equal(expand(first.read(file)!.data).toString(), '[1,2]')
  t.equal(open(directory).spool.claim(), undefined, 'its owner is alive')
  first.release()
  const [second, third] = [open(directory).spool, open(directory).spool]
  second.scan()
  third.scan()
  t.match(second.claim(), { items: 2 })
  t.equal(third.claim(), undefined)
})

t.test('the oldest files make room, and files being sent are left alone', async t => {
  const directory = temporary(t)
  const busy = new Set<string>()
  const { spool, gone } = open(directory, 2_000, file => busy.has(file.name))
  const size = spool.write(parcel(1, 300)).bytes
  busy.add(spool.files[0].name)
  const room = Math.floor(2_000 / size)
  for (let items = 2; items <= room + 2; items++) spool.write(parcel(items, 300))
  t.same(gone, [[2, 'storageFull'], [3, 'storageFull']])
  t.ok(readdirSync(directory).length <= room + 1)
  t.throws(() => spool.write(parcel(1, 100_000)), /maxStorageBytes/)
})

t.test('files of a killed process are recovered, those of a live one are not', async t => {
  const directory = temporary(t)
  t.equal(spawnSync(process.execPath, [join(__dirname, '../fixtures/delivery/killed-after-write.cjs'), directory]).signal, 'SIGKILL')
  open(directory).spool.write(parcel(5))
  const { spool } = open(directory)
  t.match(spool.claim(), { items: 1 })
  t.equal(spool.claim(), undefined)
})

t.test('reused pids, and pids from another container', async t => {
  const directory = temporary(t)
  const mine = open(directory).spool.write(parcel(1)).name
  const [pid, started, namespace] = mine.split('.')[2].split('-')
  const as = (owner: string, alive?: number): void => {
    renameSync(join(directory, readdirSync(directory).find(each => each.endsWith('.spool'))!), join(directory, mine.replace(/\.[0-9a-z-]+\.spool$/, `.${owner}.spool`)))
    if (alive !== undefined) {
      const marker = join(directory, `${owner}.alive`)
      writeFileSync(marker, '')
      utimesSync(marker, Date.now() / 1000 - alive, Date.now() / 1000 - alive)
    }
  }
  as(`${pid}-${started}-0badcafe-000000`, 10)
  t.equal(open(directory).spool.claim(), undefined, 'a heartbeat 10 s ago in another container')
  as(`${pid}-${started}-0badcafe-000001`, 600)
  t.match(open(directory).spool.claim(), { items: 1 }, 'no heartbeat for 10 minutes')
  if (process.platform === 'linux') {
    as(`${pid}-${Number(started) - 1}-${namespace}-000002`, 10)
    t.match(open(directory).spool.claim(), { items: 1 }, 'the pid is alive, but began at another time')
  }
})

t.test("someone else's directory, or a link to one, is not used", async t => {
  const directory = temporary(t)
  const target = join(directory, 'target')
  mkdirSync(target)
  symlinkSync(target, join(directory, 'link'))
  t.throws(() => open(join(directory, 'link')).spool.write(parcel(1)), /someone else/)
  t.same(readdirSync(target), [])
  mkdirSync(join(directory, 'open'))
  chmodSync(join(directory, 'open'), 0o777)
  open(join(directory, 'open')).spool.write(parcel(1))
  t.equal(readdirSync(join(directory, 'open')).length, 2, 'one that is ours and too open is closed, and used')
})

t.test("the default is in the temporary directory, and doesn't reveal the key", async t => {
  const connection = parseConnectionString('InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=https://example.in.applicationinsights.azure.com/')
  const directory = spoolDirectory(connection, undefined)
  t.ok(directory.startsWith(tmpdir()))
  t.notMatch(directory, '11111111')
  t.equal(spoolDirectory(connection, 'rows'), resolve('rows', basename(directory)), 'a relative one stays the same if the app changes its working directory')
})

for (const [what, damage] of Object.entries({
  truncated: (path: string) => truncateSync(path, readFileSync(path).length - 20),
  'with a flipped bit': (path: string) => {
    const content = readFileSync(path)
    content[content.length - 12] ^= 1
    writeFileSync(path, content)
  },
  empty: (path: string) => truncateSync(path, 0),
  'with no header': (path: string) => writeFileSync(path, Buffer.alloc(200, 'x'))
})) {
  t.test(`a file ${what} is dropped and counted, and the others are sent`, async t => {
    const server = await ingestion(() => 503)
    t.teardown(server.close)
    const storageDirectory = temporary(t)
    for (const name of ['a', 'b']) {
      const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, timing: QUICK, worker: false })
      for (let n = 0; n < 10; n++) log(`${name}${n}`)
      await delivery.close(1_000)
    }
    const directory = join(storageDirectory, readdirSync(storageDirectory)[0])
    damage(join(directory, readdirSync(directory).sort()[0]))
    server.script = () => 200
    const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, timing: QUICK, worker: false })
    t.teardown(() => delivery.close(100))
    log('c')
    t.ok(await until(() => delivery.stats().inherited.delivered === 10 && delivery.stats().inherited.dropped === 10, 15_000))
    t.ok(server.accepted.has('b3'))
    t.equal(server.accepted.size, 11)
    t.same(readdirSync(directory), [])
  })
}

t.test('beyond maxStorageBytes the oldest files are dropped and counted, with one warning that has numbers', async t => {
  const server = await ingestion(() => 503)
  t.teardown(server.close)
  const { delivery, warnings, log } = produce({ connectionString: server.connectionString, storageDirectory: temporary(t), maxStorageBytes: 20_000, timing: { ...QUICK, spillAfter: 50 } })
  t.teardown(() => delivery.close(100))
  for (let n = 0; n < 4_000; n++) {
    log(`l${n}-${Math.random()}-${Math.random()}`)
    if (n % 100 === 0) await new Promise(resolve => setTimeout(resolve, 50))
  }
  t.ok(await until(() => (delivery.stats().traces.dropped.storageFull ?? 0) > 0 && warnings.length > 0, 10_000))
  t.same(sums(delivery.stats()).map(([recorded, sum]) => recorded - sum), [0, 0, 0, 0, 0, 0])
  t.equal(warnings.length, 1)
  t.match(warnings[0], /\d+ rows (?:dropped|wait)/)
  server.script = () => 200
  t.match(await delivery.flush(10_000), { pending: 0 })
  // Stored counts as settled; the files are checked afterwards.
  t.ok(await until(() => delivery.stats().traces.spooled === 0, 10_000))
  const { traces } = delivery.stats()
  t.match(traces, { recorded: 4_000, queued: 0, inFlight: 0, spooled: 0 })
  t.equal(traces.delivered, server.accepted.size)
  t.equal(traces.delivered + traces.dropped.storageFull!, 4_000)
})

t.test('an unusable storage directory costs telemetry, but never affects the app', async t => {
  const server = await ingestion(() => 503)
  t.teardown(server.close)
  const file = join(temporary(t), 'a-file')
  writeFileSync(file, '')
  const { delivery, warnings, log } = produce({ connectionString: server.connectionString, storageDirectory: file, maxQueueSize: 500, timing: QUICK })
  for (let n = 0; n < 2_000; n++) log(`l${n}`)
  t.ok(await until(() => warnings.length > 0, 15_000))
  t.match(delivery.stats().traces, { recorded: 2_000 })
  t.ok(delivery.stats().traces.dropped.queueFull! >= 1_500)
  t.same(await delivery.close(1_000), { sent: 0, spooled: 0, lost: 2_000 })
  t.match(delivery.stats().traces.dropped, { storageFailed: 450 })
})

t.test('so does a full disk', { skip: process.platform !== 'linux' || process.getuid?.() !== 0 }, async t => {
  const mount = mkdtempSync(join(tmpdir(), 'fai-full-'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]).status !== 0) {
    rmSync(mount, { recursive: true })
    t.comment('may not mount')
    return
  }
  t.teardown(() => {
    spawnSync('umount', [mount])
    rmSync(mount, { recursive: true })
  })
  const server = await ingestion(() => 503)
  t.teardown(server.close)
  const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory: mount, timing: QUICK })
  for (let n = 0; n < 3_000; n++) log(`l${n}`, Array.from({ length: 20 }, () => Math.random()).join())
  t.ok(await until(() => /ENOSPC/.test(delivery.stats().lastError?.message ?? ''), 15_000))
  const report = await delivery.close(2_000)
  t.equal(report.sent + report.spooled + report.lost, 3_000)
  t.ok(report.lost > 0)
})

t.test('a process killed while the endpoint is down loses only its last moments', async t => {
  const server = await ingestion(() => 503)
  t.teardown(server.close)
  const storageDirectory = temporary(t)
  const ended = await run(t, 'killed-once-stored', { connectionString: server.connectionString, storageDirectory, timing: QUICK })
  t.equal(ended.signal, 'SIGKILL')
  server.script = () => 200
  const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, timing: { claimEvery: 300 } })
  t.teardown(() => delivery.close(100))
  log('next')
  t.ok(await until(() => server.accepted.size === 101, 20_000), `${server.accepted.size}`)
  t.same(server.duplicates(), [])
})

t.test('nothing in the folder is trusted', { skip: process.platform === 'win32' }, async t => {
  const server = await ingestion(() => 503)
  t.teardown(server.close)
  const storageDirectory = temporary(t)
  const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, timing: QUICK, worker: false })
  log('genuine')
  await delivery.close(1_000)
  const directory = join(storageDirectory, readdirSync(storageDirectory)[0]!)
  const genuine = readdirSync(directory)[0]!
  const content = readFileSync(join(directory, genuine))
  const header = (change: object): Buffer => {
    const end = content.indexOf(10)
    return Buffer.concat([Buffer.from(JSON.stringify({ ...JSON.parse(content.toString('utf8', 0, end)), ...change }) + '\n'), content.subarray(end + 1)])
  }
  let stamp = 0
  const name = (items: number | string = 5): string => join(directory, `${genuine.slice(0, 14)}-${String(++stamp).padStart(6, '0')}-00000000.${items}.free.spool`)
  t.equal(spawnSync('mkfifo', [name()]).status, 0)
  t.equal(spawnSync('mkfifo', [join(directory, '1-1-abcdef12-000000.alive')]).status, 0)
  for (const target of ['/dev/zero', '/dev/stdin', '/etc/hostname', join(directory, genuine), join(directory, 'missing')]) symlinkSync(target, name())
  mkdirSync(name())
  const huge = name()
  writeFileSync(huge, '')
  truncateSync(huge, 70 * 1024 * 1024)
  const someoneElses = name()
  writeFileSync(someoneElses, content)
  if (process.getuid?.() === 0) chownSync(someoneElses, 4711, 4711)
  else rmSync(someoneElses)
  // Readable, but not what it claims to be.
  const damaged = [
    header({ counts: [0, 0, 1_000_000, 0, 0, 0] }), header({ counts: [0, 0, 3, 0, 0, 0] }), header({ counts: [0, 0, -1, 0, 0, 0] }),
    header({ counts: [1, 0, 0, 0, 0, 0] }), header({ counts: 'many' }), header({ form: 'packed' }), header({ form: 'other' }), header({ v: 9 }), header({ resource: 3 }),
    Buffer.concat([Buffer.alloc(300_000, '{'), Buffer.from('\n')]), Buffer.from('null\n'), Buffer.from('[]\n')
  ]
  for (const each of damaged) writeFileSync(name('999999999'), each)
  const ignored = readdirSync(directory).filter(each => !each.includes('.999999999.') && each !== genuine)

  server.script = () => 200
  for (const worker of [true, false]) {
    const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, timing: QUICK, worker })
    log(`next-${worker}`)
    t.ok(await until(() => server.accepted.has('genuine') && server.accepted.has(`next-${worker}`), 20_000))
    t.ok(await until(() => !readdirSync(directory).some(each => each.includes('.999999999.')), 20_000), 'what is damaged is removed')
    t.ok(await until(() => delivery.stats().inherited.waiting === 0, 20_000))
    if (worker) t.ok(await until(() => delivery.stats().inherited.dropped >= damaged.length, 20_000))
    t.match(await delivery.close(5_000), { sent: 1, lost: 0 })
  }
  t.same(server.duplicates(), [])
  t.equal(server.accepted.size, 3)
  t.same(readdirSync(directory).filter(each => !each.endsWith('.alive')).sort(), ignored.filter(each => !each.endsWith('.alive')).sort(), 'what is not ours is left alone')
})

t.test('an unusable folder is reported at startup, without delay', { skip: process.platform === 'win32' }, async t => {
  const server = await ingestion(() => 503)
  t.teardown(server.close)
  const base = temporary(t)
  const file = join(base, 'a-file')
  writeFileSync(file, '')
  const unusable: Record<string, string> = { '/proc/x': 'ENOENT', '/proc/x/y/z': 'ENOENT', '/sys/x': '', '/dev/null/x': 'ENOTDIR', [file]: 'ENOTDIR', [join(file, 'below')]: 'ENOTDIR', '/proc/self/fd/x': '' }
  const connection = parseConnectionString(server.connectionString)
  if (process.getuid?.() === 0) {
    const foreign = join(base, 'foreign')
    mkdirSync(spoolDirectory(connection, foreign), { recursive: true })
    chownSync(spoolDirectory(connection, foreign), 4711, 4711)
    unusable[foreign] = 'someone else'
  }
  const linked = join(base, 'linked')
  mkdirSync(linked)
  symlinkSync(base, spoolDirectory(connection, linked))
  unusable[linked] = 'someone else'
  for (const [storageDirectory, why] of Object.entries(unusable)) {
    for (const worker of [true, false]) {
      const { delivery, warnings, log } = produce({ connectionString: server.connectionString, storageDirectory, worker, timing: QUICK })
      t.match(warnings, [new RegExp(`cannot wait on disk \\(.*${why}`)], storageDirectory)
      log('one')
      t.match(await delivery.close(300), { sent: 0, spooled: 0, lost: 1 }, storageDirectory)
    }
  }
  t.same(readdirSync(base).sort(), ['a-file', ...(process.getuid?.() === 0 ? ['foreign'] : []), 'linked'])
})
