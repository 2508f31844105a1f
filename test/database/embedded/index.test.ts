import { once } from 'node:events'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, realpath } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  type EmbeddedPostgres,
  findEmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../../src/database/embedded/index.js'
import { OperatorError } from '../../../src/lifecycle/operator-error.js'
import { makeFolder } from '../folder.js'
import { readPid } from '../postmaster.js'
import { query } from '../query.js'

t.test('a first start creates the data, a second one keeps them', async (t) => {
  const home = join(await makeFolder(t), 'a folder', "with 'quotes' $HOME", 'postgres')
  const first = await startEmbeddedPostgres(home, ['work_mem=7MB'])
  t.match(first.url, /^postgresql:\/\/latchkey:[\w-]+@127\.0\.0\.1:\d+\/postgres$/)
  t.strictSame(await query(first.url, 'SHOW work_mem'), [{ work_mem: '7MB' }])
  t.strictSame(await query(first.url, 'SHOW timezone'), [{ TimeZone: 'UTC' }])
  await query(first.url, "CREATE TABLE kept AS SELECT 'é' AS letter")
  await stop(t, home, first)
  await t.resolves(first.stop(), 'stopping again does nothing')

  const second = await startEmbeddedPostgres(home)
  t.strictSame(await query(second.url, 'SELECT letter FROM kept'), [{ letter: 'é' }])
  await stop(t, home, second)
})

t.test('data in use are left to their server, which requires its password', async (t) => {
  const { home, server } = await start(t)
  await refuses(
    t,
    home,
    `the data directory ${home} is in use: Latchkey runs already, or its PostgreSQL (PID ${readPid(home)}) does; to run another one, set DATA_DIRECTORY and PORT`,
  )
  await t.resolves(query(server.url, 'SELECT 1'))
  const url = new URL(server.url)
  url.password = 'wrong'
  await t.rejects(query(url.href, 'SELECT 1'), /password authentication failed/)
  await stop(t, home, server)
})

t.test('a server that has not yet named its port is not found', async (t) => {
  const home = join(await makeFolder(t), 'postgres')
  await mkdir(join(home, 'cluster'), { recursive: true })
  writeFileSync(join(home, 'password'), 'secret')
  const find = (...lines: (string | number)[]) => {
    writeFileSync(join(home, 'cluster/postmaster.pid'), lines.join('\n'))
    return findEmbeddedPostgres(home)
  }
  t.equal(await find(), null)
  t.equal(await find(process.pid, home, 1_800_000_000, ''), null)
  const url = 'postgresql://latchkey:secret@127.0.0.1:5432/postgres'
  t.equal(await find(process.pid, home, 1_800_000_000, 5432, ''), url)
})

t.test(
  'of two first starts at the same time, one runs and the other says that the data are in use',
  async (t) => {
    const home = join(await makeFolder(t), 'postgres')
    const starts = await Promise.allSettled([startEmbeddedPostgres(home), startEmbeddedPostgres(home)])
    const [server, ...others] = starts.flatMap((start) => (start.status === 'fulfilled' ? start.value : []))
    const [error] = starts.flatMap((start) => (start.status === 'rejected' ? start.reason : []))
    t.strictSame(others, [])
    t.type(error, OperatorError)
    t.match(error, { message: `the data directory ${home} is in use: Latchkey runs already` })
    t.strictSame(await readdir(join(home, '..')), ['postgres'])
    t.same(server?.notices, [])
    if (server) await stop(t, home, server)
  },
)

t.test('two servers have separate data', async (t) => {
  const folder = await makeFolder(t)
  const homes = [join(folder, 'one'), join(folder, 'two')]
  const servers = await Promise.all(homes.map((home) => startEmbeddedPostgres(home)))
  for (const { url } of servers) await query(url, 'CREATE TABLE mine (id int)')
  for (const [index, server] of servers.entries()) await stop(t, homes[index] ?? '', server)
})

t.test('a server that has died counts as stopped, and says so', async (t) => {
  const { home, server } = await start(t)
  process.kill(readPid(home) ?? 0, 'SIGQUIT')
  t.match(
    (await server.failure).message,
    /^the embedded PostgreSQL has ended unexpectedly \(exit status \d+\)$/,
  )
  await server.stop()
  await t.rejects(query(server.url, 'SELECT 1'))
})

t.test('a failing start is reported in one line with the reason', async (t) => {
  const { home, server } = await start(t)
  await stop(t, home, server)
  const occupant = createServer().listen(0, '127.0.0.1')
  await once(occupant, 'listening')
  t.teardown(() => occupant.close())

  const failed = 'the embedded PostgreSQL did not start: '
  const { port } = occupant.address() as AddressInfo
  await refuses(t, home, `${failed}could not create any TCP/IP sockets`, [`port=${port}`])
  await refuses(t, home, `${failed}unrecognized configuration parameter "nonsense"`, ['nonsense=1'])
  rmSync(join(home, 'cluster/global/pg_control'))
  await refuses(t, home, `${failed}could not find the database system`)
  writeFileSync(join(home, 'cluster/PG_VERSION'), '9.6\n')
  await refuses(t, home, `${failed}database files are incompatible with server`)
  rmSync(join(home, 'cluster/postgresql.conf'))
  await refuses(t, home, /^the embedded PostgreSQL did not start: could not access the server config.*$/)
  rmSync(join(home, 'password'))
  await refuses(t, home, /^the data directory .* cannot be used: ENOENT: no such file.*password'$/)
})

t.test('a data directory that cannot be created is reported in one line', async (t) => {
  const folder = await makeFolder(t)
  writeFileSync(join(folder, 'file'), '')
  await refuses(t, join(folder, 'file/postgres'), /^the data directory .* cannot be used: E\w+: .* mkdir .*$/)
  await mkdir(join(folder, 'full/something'), { recursive: true })
  await refuses(t, join(folder, 'full'), /^the data directory .* cannot be used: ENOTEMPTY: .*$/)
  t.strictSame(await readdir(folder), ['file', 'full'])
})

t.test('a directory that initdb refuses is reported in one line, and left empty', async (t) => {
  const folder = join(await makeFolder(t), 'two\nlines')
  await refuses(t, join(folder, 'postgres'), /^the embedded PostgreSQL could not be set up: .*$/)
  t.strictSame(await readdir(folder), [])
})

const notRoot = process.getuid?.() === 0 ? false : 'only root can create folders that nobody cannot enter'

t.test('below a private folder of root the data are elsewhere', { skip: notRoot }, async (t) => {
  const folder = await makeFolder(t, 0o700)
  const home = join(folder, 'postgres')
  const first = await startEmbeddedPostgres(home)
  const data = await realpath(home)
  t.match(data, /^\/var\/lib\/latchkey\/postgres-/)
  t.equal(
    first.notices[0],
    `the data of the embedded PostgreSQL are in ${data}, and ${home} is a link to it: PostgreSQL does not run as root, and no other account can enter ${folder}`,
  )
  await query(first.url, 'CREATE TABLE kept (id int)')
  await stop(t, home, first)
  chmodSync(folder, 0o755)
  const second = await startEmbeddedPostgres(home)
  await t.resolves(query(second.url, 'SELECT id FROM kept'))
  await stop(t, home, second)
})

async function start(t: Test): Promise<{ home: string; server: EmbeddedPostgres }> {
  const home = join(await makeFolder(t), 'postgres')
  return { home, server: await startEmbeddedPostgres(home) }
}

async function stop(t: Test, home: string, server: EmbeddedPostgres): Promise<void> {
  const pid = readPid(home) ?? 0
  await server.stop()
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'the server has ended')
}

async function refuses(t: Test, home: string, message: string | RegExp, settings?: string[]): Promise<void> {
  const error = await startEmbeddedPostgres(home, settings).catch((error: Error) => error)
  t.type(error, OperatorError)
  t.match(error, { message })
}
