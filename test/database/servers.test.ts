import type { LookupAddress } from 'node:dns'
import dns from 'node:dns/promises'
import { EventEmitter, once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { openListenConnection } from '../../src/database/changes/connection.js'
import { openDatabase } from '../../src/database/client.js'
import { isDatabaseUnavailable, isOutage, isOutcomeUnknown } from '../../src/database/errors.js'
import { usingConnection } from '../../src/database/identity.js'
import { withOperatorSession } from '../../src/database/operator-session.js'
import { serversOf } from '../../src/database/servers/servers.js'
import { openSession, openSessionPool } from '../../src/database/session.js'
import type { SessionConfig } from '../../src/database/session-client.js'
import { newDatabase, setDefaults } from '../helpers/database.js'
import { hostOf, nameHosts } from '../helpers/hosts.js'
import { localhostPem } from '../helpers/https.js'
import { startGarbler, startKerberosServer, startRefuser, startReporter } from '../helpers/pooler.js'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/wait.js'
import { unreachableUrl } from './query.js'

const standby = { in_hot_standby: 'on' }
const readOnly = { default_transaction_read_only: 'on' }

/** Opens a session, and returns the host and port of its server. */
async function connect(session: SessionConfig): Promise<string | null> {
  const client = await openSession(session)
  await client.end()
  return (client as pg.Client & { server: string | null }).server
}

/** Returns the error for a session that cannot be opened. */
function refusalOf(session: SessionConfig): Promise<Error> {
  return connect(session).then(
    (server) => new Error(`it leads to ${server}`),
    (error: Error) => error,
  )
}

t.test('a session leads to the first server that can be written to', async (t) => {
  const url = await newDatabase(t)
  const closing = await startProxy(t, url)
  closing.cut()
  const unusable = [
    await unreachableUrl(),
    await startRefuser(t, url, '57P03', 'the database system is starting up'),
    await startRefuser(t, url, '53300', 'sorry, too many clients already'),
    closing.url,
    await startReporter(t, url, standby),
    await startReporter(t, url, readOnly),
  ]
  const servers = serversOf(nameHosts(url, [...unusable, url]))
  for (const one of unusable) t.equal(await connect({ url: nameHosts(url, [one, url]) }), hostOf(url))
  t.equal(await connect({ url: nameHosts(url, [...unusable, url]), servers }), hostOf(url))
  const reversed = nameHosts(url, unusable.toReversed(), '?target_session_attrs=primary')
  t.equal(await connect({ url: reversed }), hostOf(unusable.at(-1) as string))
})

t.test('a server can have an IPv6 address or a socket', async (t) => {
  const url = await newDatabase(t)
  const { port } = new URL(url)
  const other = createServer((socket) => socket.destroy()).listen(0, '::1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const address = `[::1]:${(other.address() as AddressInfo).port}`
  const directory = encodeURIComponent(t.testdir())
  const { message } = await refusalOf({ url: url.replace(hostOf(url), `${directory},${address}`) })
  t.match(message, '/.s.PGSQL.5432; ')
  t.match(message, `${address}: Connection terminated unexpectedly`)
  t.equal(
    await connect({ url: url.replace(hostOf(url), `${directory},${address},127.0.0.1:${port}`) }),
    hostOf(url),
  )
})

t.test('a server that does not answer takes only its share of the time', async (t) => {
  const url = await newDatabase(t)
  const silent = await startProxy(t, url)
  silent.stall()
  const list = nameHosts(url, [silent.url, url])
  const servers = serversOf(list)
  t.equal(await connect({ url: list, servers, connectionMs: 4_000 }), hostOf(url))
  t.equal(await connect({ url: list, servers, connectionMs: 4_000 }), hostOf(url))
  t.equal(silent.connections, 1, 'the next session begins with the server that was usable')
  t.match(
    await refusalOf({ url: nameHosts(url, [silent.url, await unreachableUrl()]), connectionMs: 4_000 }),
    {
      message: /^no server is usable \(.*: timeout expired; .*: connect ECONNREFUSED .*\)$/,
    },
  )
})

t.test('a host whose lookup hangs takes only its share of the time, and one lookup', async (t) => {
  const url = await newDatabase(t)
  let lookups = 0
  const answered = new EventEmitter()
  const { lookup } = dns
  t.teardown(() => replaceLookup(lookup))
  replaceLookup(async (name, options) => {
    if (name !== 'silent.test') return lookup(name, options)
    lookups += 1
    await once(answered, 'answer')
    return []
  })
  const local = hostOf(url).replace('127.0.0.1', 'localhost')
  const list = url.replace(hostOf(url), `silent.test:1,${local}`)
  const connecting = [1, 2, 3, 4].map(() => connect({ url: list, connectionMs: 2_000 }))
  t.strictSame(new Set(await Promise.all(connecting)), new Set([local]))
  t.equal(lookups, 1)
  answered.emit('answer')
})

t.test('without a usable server the error says what is wrong with each', async (t) => {
  const url = await newDatabase(t)
  const absent = await unreachableUrl()
  const replica = await startReporter(t, url, standby)
  const error = await refusalOf({ url: nameHosts(url, [replica, absent]) })
  t.match(error, {
    message: `no server is usable (${hostOf(replica)}: the server is a standby; ${hostOf(absent)}: connect ECONNREFUSED ${hostOf(absent)})`,
  })
  t.equal(isDatabaseUnavailable(error), true)
  t.equal(isOutage(error), true)
  t.equal(isOutcomeUnknown(error), false, 'no statement was sent')
  const single = await refusalOf({ url: `${replica}?target_session_attrs=read-write` })
  t.match(single, { message: 'the server is a standby' })
  t.equal(isOutage(single), true)
})

t.test('a refusal for another reason ends the search', async (t) => {
  const url = await newDatabase(t)
  const proxy = await startProxy(t, url)
  const wrong = new URL(url)
  wrong.password = 'wrong'
  t.match(await refusalOf({ url: nameHosts(wrong.href, [url, proxy.url]) }), { code: '28P01' })
  wrong.password = ''
  t.match(await refusalOf({ url: nameHosts(wrong.href, [url, proxy.url]) }), { message: /^SASL: .*password/ })
  t.equal(proxy.connections, 0)
})

t.test('a message that cannot be read ends the connection, and not the process', async (t) => {
  const url = await newDatabase(t)
  const kerberos = await startKerberosServer(t, url)
  const unreadable = { message: 'Unknown authenticationOk message type 7' }
  t.match(await refusalOf({ url: kerberos }), unreadable)
  t.match(await refusalOf({ url: nameHosts(url, [kerberos, url]) }), unreadable)
  t.match(await refusalOf({ url: await startGarbler(t, url) }), unreadable)
})

t.test('a session of a replica leads to the first standby', async (t) => {
  const url = await newDatabase(t)
  const replica = await startReporter(t, url, standby)
  const list = nameHosts(url, [url, replica])
  t.equal(await connect({ url: list, servers: serversOf(list, 'replica') }), hostOf(replica))
  t.match(await refusalOf({ url, servers: serversOf(nameHosts(url, [url, url]), 'replica') }), {
    message: /the server is not a standby/,
  })
  t.equal(
    await connect({ url: list, servers: serversOf(list, 'reading') }),
    hostOf(url),
    'any is the default',
  )
})

t.test(
  'a server is asked for its role if it does not report it, or a pooler may be in between',
  async (t) => {
    const url = await newDatabase(t)
    const mute = await startReporter(t, url, { in_hot_standby: null, default_transaction_read_only: null })
    const outdated = await startReporter(t, url, standby)
    t.equal(await connect({ url: nameHosts(url, [mute, url]) }), hostOf(mute))
    await usingConnection({ url: nameHosts(url, [outdated, url]), isOwn: false }, async ({ server }) => {
      t.equal(server, hostOf(outdated))
    })
    await setDefaults(url, readOnly)
    const message = `no server is usable (${[mute, url].map((one) => `${hostOf(one)}: the server is read-only`).join('; ')})`
    t.match(await refusalOf({ url: nameHosts(url, [mute, url]) }), { message })
  },
)

t.test('a pool leaves a server that has become read-only, with every idle session', async (t) => {
  const url = await newDatabase(t)
  const former = await startProxy(t, url)
  const reports: Record<string, string> = {}
  const first = await startReporter(t, former.url, reports)
  const pool = openSessionPool({ url: nameHosts(url, [first, url]) }, 3)
  t.teardown(() => pool.end())
  const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
  const [busy, ...others] = clients as [Client, Client, Client]
  for (const client of others) client.release()
  t.strictSame([busy.server, pool.totalCount, pool.idleCount], [hostOf(first), 3, 2])

  Object.assign(reports, standby)
  const write = 'CREATE TEMPORARY TABLE t ()'
  await busy.query('BEGIN READ ONLY')
  await t.rejects(busy.query('CREATE TABLE t ()'), { code: '25006' })
  t.equal(pool.idleCount, 0)
  busy.release()
  await pool.query(write)
  const next = (await pool.connect()) as Client
  t.equal(next.server, hostOf(url))
  next.release()
  await until(() => pool.totalCount === 1)
})

t.test('a statement of the pool that a server rejects as read-only makes it leave too', async (t) => {
  const url = await newDatabase(t)
  const pool = openSessionPool({ url }, 2)
  t.teardown(() => pool.end())
  const busy = (await pool.connect()) as Client
  const error = await pool.query('SET TRANSACTION READ ONLY; CREATE TABLE t ()').catch((reason) => reason)
  t.match(error, { code: '25006' })
  t.equal(isDatabaseUnavailable(error), true)
  t.equal(isOutcomeUnknown(error), false)
  busy.release()
  await until(() => pool.totalCount === 0)
})

t.test('a transaction that may not write is rolled back, and its session closed', async (t) => {
  const url = await newDatabase(t)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const pid = async () =>
    (await database.pool.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' })).rows[0]?.pid
  const before = await pid()
  const change = database.$transaction(async (transaction) => {
    await transaction.$executeRaw`SET TRANSACTION READ ONLY`
    await transaction.$executeRaw`CREATE TABLE t ()`
  })
  const error = await change.catch((reason) => reason)
  t.equal(isDatabaseUnavailable(error), true)
  t.equal(isOutcomeUnknown(error), false)
  t.equal(isOutage(error), false)
  t.not(await pid(), before)
})

t.test('sessions in use stay on a former server until they are released', async (t) => {
  const url = await newDatabase(t)
  const former = await startProxy(t, url)
  const list = nameHosts(url, [former.url, url])
  const pool = openSessionPool({ url: list }, 2)
  t.teardown(() => pool.end())
  const [busy, idle] = (await Promise.all([pool.connect(), pool.connect()])) as [Client, Client]
  former.refuse()
  idle.release(new Error('closed'))
  const next = (await pool.connect()) as Client
  t.strictSame([busy.server, next.server], [hostOf(former.url), hostOf(url)])
  t.equal((await busy.query('SELECT')).rowCount, 1)
  busy.release()
  await until(() => pool.totalCount === 1)
  next.release()
})

t.test('each server is verified by its own name', async (t) => {
  const url = await newDatabase(t)
  const names: unknown[] = []
  const server = await startTls(t, (name) => names.push(name))
  const list = nameHosts(url, [server, server.replace('localhost', '127.0.0.1'), url])
  const error = await refusalOf({ url: `${list}?sslmode=no-verify` })
  t.match(error, { message: /localhost:\d+: Connection terminated.*127\.0\.0\.1.*does not support SSL/ })
  t.strictSame(names, ['localhost', false])
  const failing = withOperatorSession(`${list}?sslmode=require`, async () => {})
  await t.rejects(failing, { message: /self-signed certificate.*; name its authority by sslrootcert/ })
})

t.test('a late answer to one server is not sent to the next', async (t) => {
  const url = await newDatabase(t)
  const received: Buffer[] = []
  // Its client derives a key for a moment, while the connection is closed already.
  const first = await startServer(t, (socket) =>
    socket.once('data', () => {
      socket.write(authentication(10, 'SCRAM-SHA-256\0\0'))
      socket.once('data', (data) => {
        const nonce = /r=([^,]+)/.exec(data.toString('latin1'))?.[1]
        socket.end(authentication(11, `r=${nonce}x,s=c2FsdA==,i=100000`))
      })
    }),
  )
  const second = await startServer(t, (socket) => socket.on('data', (data) => received.push(data)))
  const list = nameHosts(url, [first, second])
  const error = await refusalOf({ url: list, connectionMs: 4_000 })
  t.match(error, { message: /Connection terminated unexpectedly; .*timeout expired/ })
  t.equal(received.length, 1)
  t.equal(received[0]?.readUInt32BE(4), 196_608, 'the startup message')
})

t.test('a connection that is destroyed does not try the next server', async (t) => {
  const url = await newDatabase(t)
  const silent = await startProxy(t, url)
  silent.stall()
  const next = await startProxy(t, url)
  const listener = openListenConnection({ url: nameHosts(url, [silent.url, next.url]) }, 60_000, 'test')
  const connecting = listener.connect()
  await until(() => silent.connections === 1)
  listener.destroy()
  await t.rejects(connecting, { message: 'Connection terminated unexpectedly' })
  await t.rejects(listener.ended)
  t.equal(next.connections, 0)
})

/** Replaces the function that looks up names. */
function replaceLookup(lookup: (name: string, options: { all: true }) => Promise<LookupAddress[]>): void {
  Object.assign(dns, { lookup })
  syncBuiltinESMExports()
}

type Client = pg.PoolClient & { server: string | null }

/** Returns a request of PostgreSQL for authentication. */
function authentication(kind: number, text: string): Buffer {
  const bytes = Buffer.concat([Buffer.from('R\0\0\0\0\0\0\0\0'), Buffer.from(text)])
  bytes.writeUInt32BE(bytes.length - 1, 1)
  bytes.writeUInt32BE(kind, 5)
  return bytes
}

/** Starts a server of which a test determines the bytes, and returns its URL. */
async function startServer(t: Test, serve: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => serve(socket.on('error', () => {}))).listen(0, 'localhost')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `postgresql://localhost:${(server.address() as AddressInfo).port}/x`
}

/** Starts a server that begins TLS and then closes the connection. */
function startTls(t: Test, onName: (name: string | false | null) => void): Promise<string> {
  const secureContext = createSecureContext({ key: localhostPem, cert: localhostPem })
  return startServer(t, (socket) =>
    socket.once('data', () => {
      socket.write('S')
      const secure = new TLSSocket(socket, { isServer: true, secureContext })
      secure
        .on('error', () => {})
        .once('secure', () => {
          onName(secure.servername)
          secure.end()
        })
    }),
  )
}
