import t from 'tap'
import { isDatabaseUnavailable } from '../../src/database/errors.js'
import { openDatabase, type Transaction } from '../../src/database/index.js'
import { cloneDatabase } from '../helpers/database.js'
import { unreachableUrl } from './query.js'

const unavailable: [what: string, error: unknown][] = [
  ['Prisma cannot reach it', Object.assign(new Error(), { code: 'P1001' })],
  ['it has too many connections', Object.assign(new Error(), { code: 'P2037' })],
  ['it refuses the connection', Object.assign(new Error(), { code: 'ECONNREFUSED' })],
  ['its name does not resolve', Object.assign(new Error(), { code: 'ENOTFOUND' })],
  ['the pool is exhausted', new Error('timeout exceeded when trying to connect')],
  ['it ends the connection', new Error('terminating connection due to administrator command')],
  ['the connection breaks', new Error('Connection terminated unexpectedly')],
  ['it starts or stops', new Error('the database system is starting up')],
]

for (const [what, error] of unavailable)
  t.test(`when ${what}, the database is unavailable`, async (t) => {
    t.equal(isDatabaseUnavailable(error), true)
  })

const others: [what: string, error: unknown][] = [
  ['a duplicate', Object.assign(new Error('Unique constraint failed'), { code: 'P2002' })],
  ['a bug', new TypeError('x is not a function')],
  ['something that is no error', { code: 'P1001' }],
  ['nothing', undefined],
]

for (const [what, error] of others)
  t.test(`${what} does not mean that the database is unavailable`, async (t) => {
    t.equal(isDatabaseUnavailable(error), false)
  })

t.test('a server that is not there is unavailable, and a name that is taken is not', async (t) => {
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

t.test('a lock that is not to be had, and a deadlock, are unavailable', async (t) => {
  const database = openDatabase({ databasePoolSize: 3, databaseTimeoutSeconds: 10 }, await cloneDatabase(t))
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
      meetingEachOther(['johndoe', 'alice'], (own, theirs, bothHold) =>
        failureOf(
          database.$transaction(async (transaction) => {
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

/** Starts an action for each of two names, each of which can wait until both have come so far. */
function meetingEachOther<T>(
  [first, second]: [string, string],
  action: (own: string, theirs: string, bothCame: () => Promise<void>) => Promise<T>,
): Promise<T>[] {
  let come = 0
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const bothCame = () => {
    come += 1
    if (come === 2) open()
    return gate
  }
  return [action(first, second, bothCame), action(second, first, bothCame)]
}

function failureOf(query: Promise<unknown>): Promise<unknown> {
  return query.then(
    () => undefined,
    (error) => error,
  )
}
