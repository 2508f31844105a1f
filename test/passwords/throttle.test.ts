import t, { type Test } from 'tap'
import { networksOf } from '../../src/passwords/network.js'
import { postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'
import { stretch, stretchWaits } from '../helpers/waits.js'

const budgets = {
  LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: '3',
  LOGIN_FAILURES_PER_NETWORK: '6',
  LOGIN_FAILURES_PER_ACCOUNT: '8',
  TRUST_PROXY: '127.0.0.1',
}

async function start(t: Test, settings: Record<string, string> = {}) {
  const app = await startApp(t, { ...budgets, ...settings })
  await stretchWaits(app.database)
  const attempt = (username: string, password: string, from: string) =>
    postToken(app, { username, password }, { 'x-forwarded-for': from })
  /** Makes all attempts older, by seconds. */
  const pass = (seconds: number) => app.database.$executeRaw`
    UPDATE guess_counts SET blocked_until = blocked_until - make_interval(secs => ${seconds}),
      expires_at = expires_at - make_interval(secs => ${seconds})`
  return { app, attempt, pass }
}

t.test("an address belongs to networks, the smallest of which is one customer's", (t) => {
  const prefixesOf = (address: string) => networksOf(address).map(({ prefix }) => prefix)
  t.same(networksOf('192.0.2.1'), [{ prefix: 'c0000201', weight: 1 }])
  t.same(networksOf('192.0.2.1'), networksOf('::ffff:192.0.2.1'))
  t.same(networksOf('2001:db8:1:2::1'), [
    { prefix: '20010db800010002', weight: 1 },
    { prefix: '20010db8000100', weight: 4 },
    { prefix: '20010db80001', weight: 16 },
  ])
  t.same(prefixesOf('2001:db8:1:2::1'), prefixesOf('2001:db8:1:2:ffff::9'))
  t.same(prefixesOf('2001:db8:1:2::1').slice(1), prefixesOf('2001:db8:1:3::1').slice(1))
  t.same(networksOf(null), [{ prefix: '', weight: 1 }])
  t.end()
})

t.test('beyond the budget each wrong password doubles the wait', async (t) => {
  const { attempt, pass } = await start(t, { LOGIN_FAILURES_PER_NETWORK: '100' })
  for (let i = 0; i < 4; i++) t.equal((await attempt('johndoe', 'wrong', '192.0.2.1')).statusCode, 401)
  for (const wait of [1, 2, 4]) {
    const throttled = await attempt('johndoe', 'secret', '192.0.2.1')
    t.equal(throttled.statusCode, 429, 'the correct password has to wait too')
    t.same(throttled.json(), { detail: 'Too Many Requests' })
    t.equal(Math.ceil(Number(throttled.headers['retry-after']) / stretch), wait)
    await pass(wait * stretch)
    if (wait < 4) t.equal((await attempt('johndoe', 'wrong', '192.0.2.1')).statusCode, 401)
  }
  t.equal((await attempt('johndoe', 'secret', '192.0.2.1')).statusCode, 200)
  for (let i = 0; i < 3; i++) t.equal((await attempt('johndoe', 'wrong', '192.0.2.1')).statusCode, 401)
  t.equal((await attempt('johndoe', 'secret', '192.0.2.1')).statusCode, 200, 'the counter was reset')
})

t.test('a network that has to wait does not affect others', async (t) => {
  const { attempt } = await start(t)
  for (let i = 0; i < 4; i++) await attempt('johndoe', 'wrong', '2001:db8:1:2::1')
  t.equal((await attempt('johndoe', 'secret', '2001:db8:1:2::ffff')).statusCode, 429)
  t.equal((await attempt('johndoe', 'secret', '2001:db8:1:3::1')).statusCode, 200)
  t.equal((await attempt('alice', 'secret2', '2001:db8:1:2::1')).statusCode, 200)
})

t.test('a client with a /48 of IPv6 has no more than sixteen budgets', async (t) => {
  const { attempt } = await start(t, {
    LOGIN_FAILURES_PER_ACCOUNT: '1000',
    LOGIN_FAILURES_PER_NETWORK: '1000',
  })
  const statuses = []
  for (let i = 0; i < 50; i++)
    statuses.push((await attempt('johndoe', 'wrong', `2001:db8:1:${i.toString(16)}00::1`)).statusCode)
  // The budget is 16 times 3. The next attempt begins the wait.
  t.equal(statuses.indexOf(429), 49)
  t.equal((await attempt('johndoe', 'secret', '2001:db8:2::1')).statusCode, 200, 'another /48')
})

t.test('a client with a /56 of IPv6 has no more than four budgets', async (t) => {
  const { attempt, app } = await start(t, {
    LOGIN_FAILURES_PER_ACCOUNT: '1000',
    LOGIN_FAILURES_PER_NETWORK: '2',
  })
  const statuses = []
  for (let i = 0; i < 10; i++)
    statuses.push((await attempt(`nobody${i}`, 'wrong', `2001:db8:1:${i}::1`)).statusCode)
  t.equal(statuses.indexOf(429), 9, 'the budget is 4 times 2 for all accounts together')
  await app.database.$executeRaw`UPDATE guess_counts SET blocked_until = to_timestamp(0)`
  t.equal((await attempt('johndoe', 'secret', '2001:db8:1:ff::1')).statusCode, 200)
  const failures = (await app.database.guessCount.findMany()).map((count) => count.failures)
  t.equal(
    failures.reduce((sum, count) => sum + count, 0),
    9 * 7,
    'each wrong password leaves seven charges, the correct one none',
  )
})

t.test('a network that tries many accounts has to wait for all of them', async (t) => {
  const { attempt } = await start(t)
  for (let i = 0; i < 7; i++) t.equal((await attempt(`nobody${i}`, 'wrong', '192.0.2.1')).statusCode, 401)
  t.equal((await attempt('johndoe', 'secret', '192.0.2.1')).statusCode, 429)
  t.equal((await attempt('johndoe', 'secret', '192.0.2.2')).statusCode, 200)
})

t.test('an account cannot be locked out of a known network', async (t) => {
  const { attempt, pass } = await start(t)
  t.equal((await attempt('johndoe', 'secret', '192.0.2.1')).statusCode, 200)
  const attemptFromEverywhere = async (username: string) => {
    const answers = []
    for (let i = 0; i < 20; i++) answers.push(await attempt(username, 'wrong', `198.51.100.${i}`))
    return answers.map(({ statusCode, body }) => `${statusCode} ${body}`)
  }
  const known = await attemptFromEverywhere('johndoe')
  t.same(new Set(known).size, 1, 'the response does not reveal the lock-out')
  t.same(known, await attemptFromEverywhere('nobody'))
  const fromElsewhere = await attempt('johndoe', 'secret', '203.0.113.1')
  t.equal(fromElsewhere.statusCode, 401)
  t.same(fromElsewhere.json(), { detail: 'Incorrect username or password' })
  t.equal((await attempt('johndoe', 'secret', '192.0.2.1')).statusCode, 200)
  await pass(1_000_000)
  t.equal((await attempt('johndoe', 'secret', '203.0.113.1')).statusCode, 200)
})

t.test('an unknown account is throttled like a known one', async (t) => {
  const { attempt } = await start(t)
  const answers = []
  for (const username of ['johndoe', 'nobody']) {
    const from = username === 'johndoe' ? '192.0.2.1' : '192.0.2.2'
    for (let i = 0; i < 4; i++) await attempt(username, 'wrong', from)
    answers.push(await attempt(username, 'wrong', from))
  }
  t.equal(answers[0]?.statusCode, 429)
  t.equal(answers[0]?.body, answers[1]?.body)
  t.same(
    Object.keys(answers[0]?.headers ?? {}),
    Object.keys(answers[1]?.headers ?? {}),
    'and the same headers',
  )
})

t.test('concurrent attempts at several replicas cannot exceed the budget', async (t) => {
  const url = await cloneDatabase(t)
  const settings = {
    ...budgets,
    ...{ LOGIN_FAILURES_PER_ACCOUNT: '1000', HASHING_CONCURRENCY: '64', UV_THREADPOOL_SIZE: '66' },
  }
  const replicas = await Promise.all([startApp(t, settings, url), startApp(t, settings, url)])
  await stretchWaits(replicas[0].database)
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      postToken(replicas[i % 2] as (typeof replicas)[0], { username: 'johndoe', password: 'wrong' }),
    ),
  )
  const made = answers.filter(({ statusCode }) => statusCode === 401).length
  t.equal(made, 4, 'the budget is three, and the next attempt begins the wait')
  t.equal(answers.filter(({ statusCode }) => statusCode === 429).length, 36)
})

t.test('an address from an untrusted proxy is ignored', async (t) => {
  const { attempt } = await start(t, { TRUST_PROXY: '10.0.0.0/8' })
  for (let i = 0; i < 4; i++) await attempt('johndoe', 'wrong', `192.0.2.${i}`)
  t.equal((await attempt('johndoe', 'secret', '192.0.2.9')).statusCode, 429)
})

t.test('confirming the password of a logged-in user is throttled too', async (t) => {
  const { app, attempt } = await start(t)
  const login = await attempt('johndoe', 'secret', '127.0.0.1')
  const { access_token: token } = login.json<{ access_token: string }>()
  const statuses = []
  for (let i = 0; i < 5; i++)
    statuses.push((await as(app, token).delete('/users/me/', { password: 'wrong' })).statusCode)
  t.same(statuses, [400, 400, 400, 400, 429])
})

t.test('logins beyond the capacity are refused and not charged', async (t) => {
  const { app, attempt } = await start(t, { HASHING_CONCURRENCY: '1', LOGIN_FAILURES_PER_NETWORK: '100' })
  const work = '$2b$10$'
  await app.database.user.updateMany({
    data: { hashedPassword: `${work}${'a'.repeat(53)}`, rehashedAt: new Date() },
  })
  const answers = await Promise.all(
    Array.from({ length: 120 }, () => attempt('johndoe', 'wrong', '192.0.2.1')),
  )
  const statuses = answers.map(({ statusCode }) => statusCode)
  t.equal(statuses.filter((status) => status === 401).length, 4)
  t.ok(statuses.filter((status) => status === 503).length >= 50, 'the queue is full')
  t.same(new Set(statuses), new Set([401, 429, 503]))
  for (const { statusCode, headers } of answers) if (statusCode !== 401) t.ok(headers['retry-after'])
  const [most] = await app.database.guessCount.findMany({ orderBy: { failures: 'desc' }, take: 1 })
  t.equal(most?.failures, 4)
})

t.test('correct passwords are not charged, however many arrive at once', async (t) => {
  const { attempt, app } = await start(t, { HASHING_CONCURRENCY: '2' })
  const statuses = new Set<number>()
  for (let round = 0; round < 10; round++)
    for (const { statusCode } of await Promise.all(
      Array.from({ length: 8 }, () => attempt('johndoe', 'secret', '192.0.2.1')),
    ))
      statuses.add(statusCode)
  t.same([...statuses], [200])
  t.same(new Set((await app.database.guessCount.findMany()).map(({ failures }) => failures)), new Set([0]))
})
