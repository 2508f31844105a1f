import t from 'tap'
import { openDatabase, type Transaction } from '../../src/database/client.js'
import {
  isAccessRefused,
  isDatabaseUnavailable,
  isOutage,
  isOutcomeUnknown,
  sqlStateOf,
} from '../../src/database/errors.js'
import { StalePlan } from '../../src/database/stale-plan.js'
import { cloneDatabase } from '../helpers/database.js'
import { startErrorTranslator } from '../helpers/pooler.js'
import { query, unreachableUrl } from './query.js'

const unavailable: [what: string, error: unknown][] = [
  ['Prisma cannot reach the server', Object.assign(new Error(), { code: 'P1001' })],
  ['it has too many connections', Object.assign(new Error(), { code: 'P2037' })],
  ['it refuses the connection', Object.assign(new Error(), { code: 'ECONNREFUSED' })],
  ['its socket does not exist yet', Object.assign(new Error(), { code: 'ENOENT', syscall: 'connect' })],
  ['its host is down', Object.assign(new Error(), { code: 'EHOSTDOWN' })],
  ['no route leads to its network', Object.assign(new Error(), { code: 'ENETUNREACH' })],
  ['the network is down', Object.assign(new Error(), { code: 'ENETDOWN' })],
  ['this machine has no such address', Object.assign(new Error(), { code: 'EADDRNOTAVAIL' })],
  ['the name server fails', Object.assign(new Error(), { code: 'EAI_FAIL' })],
  ['its name does not resolve', Object.assign(new Error(), { code: 'ENOTFOUND' })],
  ['the pool is exhausted', new Error('timeout exceeded when trying to connect')],
  ['the server does not answer', new Error('timeout expired')],
  ['it ends the connection', Object.assign(new Error(), { code: '57P01' })],
  ['the connection breaks', new Error('Connection terminated unexpectedly')],
  ['it starts or stops', Object.assign(new Error(), { code: '57P03' })],
  ['a transaction timed out', Object.assign(new Error(), { code: '25P04' })],
  ['a plan is stale', new StalePlan('cached plan')],
]

for (const [what, error] of unavailable)
  t.test(`when ${what}, the database is unavailable`, async (t) => {
    t.equal(isDatabaseUnavailable(error), true)
    t.equal(isAccessRefused(error), false)
  })

const refusals: [what: string, error: unknown][] = [
  ['does not know the role', Object.assign(new Error(), { code: '28000' })],
  ['does not accept the password', Object.assign(new Error(), { code: '28P01' })],
  ['does not have the database', Object.assign(new Error(), { code: '3D000' })],
  ['has an expired certificate', Object.assign(new Error(), { code: 'CERT_HAS_EXPIRED' })],
  ['has an unknown certificate', Object.assign(new Error(), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })],
  ['has no TLS', new Error('The server does not support SSL connections')],
  ['has no TLS, as Prisma says', Object.assign(new Error(), { cause: { kind: 'TlsConnectionError' } })],
  ['requires another authentication', new Error('Unknown authenticationOk message type 7')],
  ['requires another mechanism', new Error('SASL: Only mechanism(s) SCRAM-SHA-256 are supported')],
]

for (const [what, error] of refusals)
  t.test(`a server that ${what} refuses every connection`, async (t) => {
    t.equal(isAccessRefused(error), true)
    t.equal(isDatabaseUnavailable(error), true)
    t.equal(isOutage(error), true)
    t.equal(isAccessRefused(new Error('cannot reach the database', { cause: error })), true)
  })

const others: [what: string, error: unknown][] = [
  ['a duplicate', Object.assign(new Error('Unique constraint failed'), { code: 'P2002' })],
  ['a missing file', Object.assign(new Error(), { code: 'ENOENT', syscall: 'open' })],
  ['a bug', new TypeError('x is not a function')],
  ['a code that is not a SQLSTATE', Object.assign(new Error(), { code: 'EPERM' })],
  ['an object that is not an error', { code: 'P1001' }],
  ['undefined', undefined],
]

for (const [what, error] of others)
  t.test(`${what} does not mean that the database is unavailable`, async (t) => {
    t.equal(isDatabaseUnavailable(error), false)
  })

t.test('an unreachable server is unavailable, a duplicate name is not an outage', async (t) => {
  const nowhere = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, await unreachableUrl())
  for (const query of [nowhere.user.findFirst(), nowhere.$queryRaw`SELECT 1`, nowhere.$executeRaw`SELECT 1`])
    t.equal(isDatabaseUnavailable(await failureOf(query)), true)

  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, await cloneDatabase(t))
  t.teardown(() => database.$disconnect())
  const { id: _, ...john } = await database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })
  const error = await failureOf(database.user.create({ data: john }))
  t.match(error, { code: 'P2002' })
  t.equal(isDatabaseUnavailable(error), false)
})

t.test('a lock timeout and a deadlock mean unavailable, in any language of the server', async (t) => {
  const url = await startErrorTranslator(t, await cloneDatabase(t))
  const database = openDatabase({ databasePoolSize: 3, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const lock = (username: string, connection: Transaction) =>
    connection.$queryRaw`SELECT FROM users WHERE username = ${username} FOR UPDATE`
  const rename = (username: string, connection: Transaction) =>
    connection.user.updateMany({ where: { username }, data: { fullName: 'x' } })

  await database.$transaction(async (holder) => {
    await lock('johndoe', holder)
    for (const attempt of [lock, rename]) {
      const attempted = database.$transaction(async (waiter) => {
        await waiter.$executeRaw`SET LOCAL lock_timeout = 10`
        await attempt('johndoe', waiter)
      })
      t.equal(isDatabaseUnavailable(await failureOf(attempted)), true, attempt.name)
    }
  })
  for (const attempt of [lock, rename]) {
    const failures = await Promise.all(
      rendezvous(['johndoe', 'alice'], (own, theirs, bothHold) =>
        failureOf(
          database.transactOnce(async (transaction) => {
            await lock(own, transaction)
            await bothHold()
            await attempt(theirs, transaction)
          }),
        ),
      ),
    )
    const [victim, ...rest] = failures.filter((failure) => failure !== undefined)
    t.equal(isDatabaseUnavailable(victim), true, attempt.name)
    t.same(rest, [])
  }
})

t.test(
  'a timeout of a statement or commit and a terminated session mean unavailable, in any language of the server',
  async (t) => {
    const url = await cloneDatabase(t)
    await query(
      url,
      `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(9); RETURN NULL; END';
       CREATE TRIGGER wait AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION wait();
       CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN RAISE EXCEPTION ''no'' USING ERRCODE = ''55P03''; END';
       CREATE CONSTRAINT TRIGGER refuse AFTER DELETE ON items DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION refuse()`,
    )
    const database = openDatabase(
      { databasePoolSize: 3, databaseTimeoutSeconds: 10 },
      await startErrorTranslator(t, url),
    )
    t.teardown(() => database.$disconnect())
    const failed = (action: (transaction: Transaction) => PromiseLike<unknown>, timeout = 0) =>
      failureOf(
        database.$transaction(async (transaction) => {
          await transaction.$executeRaw`SELECT set_config('statement_timeout', ${String(timeout)}, true)`
          await action(transaction)
        }),
      )
    const ended = (transaction: Transaction) =>
      transaction.$executeRaw`SELECT pg_terminate_backend(pg_backend_pid())`
    for (const [state, failure] of [
      ['57014', await failed((transaction) => transaction.$queryRaw`SELECT pg_sleep(9)`, 10)],
      ['57014', await failed((transaction) => transaction.user.updateMany({ data: { fullName: 'x' } }), 10)],
      ['55P03', await failed((transaction) => transaction.item.deleteMany())],
      ['57P01', await failed(ended)],
    ] as const) {
      t.equal(sqlStateOf(failure), state)
      t.equal(isDatabaseUnavailable(failure), true)
      t.equal(isOutcomeUnknown(failure), state === '57P01')
    }
  },
)

for (const [what, error, isUnknown] of [
  ['a statement without a response', new Error('Query read timeout'), true],
  ['a lost connection', new Error('Connection terminated unexpectedly'), true],
  ['a reset connection', Object.assign(new Error(), { code: 'ECONNRESET' }), true],
  ['a crash', Object.assign(new Error(), { code: '57P02' }), true],
  [
    'a crash within another error',
    new Error('x', { cause: Object.assign(new Error(), { code: '57P02' }) }),
    true,
  ],
  ['a refused connection', Object.assign(new Error(), { code: 'ECONNREFUSED' }), false],
  ['a connection that timed out', new Error('Connection terminated due to connection timeout'), false],
  ['a pool without a free connection', new Error('timeout exceeded when trying to connect'), false],
  ['a statement that PostgreSQL cancelled', Object.assign(new Error(), { code: '57014' }), false],
  ['a deadlock', Object.assign(new Error(), { code: '40P01' }), false],
  ['a string', 'Query read timeout', false],
] as const)
  t.test(`${what} leaves the outcome ${isUnknown ? 'unknown' : 'known'}`, async (t) => {
    t.equal(isOutcomeUnknown(error), isUnknown)
  })

t.test('a value that is not an error has no SQLSTATE', async (t) => {
  t.equal(sqlStateOf('57014'), undefined)
})

/** Starts an action for each of two names; each can wait until both have reached the same point. */
function rendezvous<T>(
  [first, second]: [string, string],
  action: (own: string, theirs: string, bothArrived: () => Promise<void>) => Promise<T>,
): Promise<T>[] {
  let arrived = 0
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const bothArrived = () => {
    arrived += 1
    if (arrived === 2) open()
    return gate
  }
  return [action(first, second, bothArrived), action(second, first, bothArrived)]
}

function failureOf(query: Promise<unknown>): Promise<unknown> {
  return query.then(
    () => undefined,
    (error) => error,
  )
}
