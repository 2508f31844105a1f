import bcrypt from 'bcrypt'
import t from 'tap'
import { query } from '../database/query.js'
import { postToken, startApp } from '../helpers/app.js'
import { cloneDatabase } from '../helpers/database.js'
import { startService } from '../helpers/service.js'

const settings = { BCRYPT_COST: '10', LOG_LEVEL: 'warn', PORT: '0' }

/** Returns the tenth percentile: other work on the machine only adds to a time, so the fastest ones are comparable. */
function fast(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 10)] ?? Number.NaN
}

/** Creates users whose password is `secret`, hashed at the cost of the service or, for further users, at another one. */
async function prepareUsers(
  t: import('tap').Test,
  cost: number,
  otherCosts: Record<string, number> = {},
): Promise<string> {
  const url = await cloneDatabase(t)
  await query(url, 'UPDATE users SET hashed_password = $1, rehashed_at = now()', [
    bcrypt.hashSync('secret', cost),
  ])
  // An imported hash, or one from before a change of the cost.
  for (const [username, otherCost] of Object.entries(otherCosts))
    await query(url, 'INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), $1, $2)', [
      username,
      bcrypt.hashSync('secret', otherCost),
    ])
  return url
}

async function start(t: import('tap').Test, env: Record<string, string> = {}) {
  const url = await prepareUsers(t, Number(settings.BCRYPT_COST))
  const { origin, program } = await startService(t, {
    ...settings,
    ...env,
    DATABASE_URL: url,
    LOG_LEVEL: 'info',
  })
  const logIn = (username: string, password: string) =>
    fetch(`${origin}/token`, { method: 'POST', body: new URLSearchParams({ username, password }) })
  const { access_token } = (await (await logIn('johndoe', 'secret')).json()) as { access_token: string }
  const read = async () => {
    const response = await fetch(`${origin}/users/me/`, {
      headers: { authorization: `Bearer ${access_token}` },
    })
    await response.arrayBuffer()
    return response.status
  }
  return { origin, program, logIn, read }
}

t.test('500 simultaneous logins succeed or are refused with 503, and reads continue', async (t) => {
  // A slow machine must not refuse reads because its database is slow.
  const { logIn, read } = await start(t, { DATABASE_TIMEOUT_SECONDS: '60' })
  let flooding = true
  const reads: Promise<number[]> = (async () => {
    const statuses = []
    while (flooding) statuses.push(await read())
    return statuses
  })()
  const answers = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const response = await logIn('johndoe', 'secret')
      await response.arrayBuffer()
      return response
    }),
  )
  flooding = false
  const statuses = await reads
  t.same(new Set(statuses), new Set([200]))
  t.ok(statuses.length > 10, `${statuses.length} reads meanwhile`)
  t.same([...new Set(answers.map(({ status }) => status))].sort(), [200, 503])
  for (const { status, headers } of answers) if (status === 503) t.ok(headers.get('retry-after'))
})

t.test('10,000 random tokens are refused in the same way', async (t) => {
  const app = await startApp(t)
  const statuses = new Set<string>()
  for (let batch = 0; batch < 100; batch++)
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const text = Buffer.from(`${batch} ${i} ${'x'.repeat(batch)}`).toString('base64url')
        const token = [text, `${text}.${text}`, `${text}.${text}.${text}`, `e30.${text}.`][i % 4]
        const headers = { authorization: `Bearer ${token}` }
        const { statusCode, body } = await app.inject({ url: '/users/me/', headers })
        statuses.add(`${statusCode} ${body}`)
      }),
    )
  t.same([...statuses], ['401 {"detail":"Could not validate credentials"}'])
})

t.test('the work for a response does not reveal what was wrong', async (t) => {
  const url = await prepareUsers(t, 7, { cheaper: 5, costlier: 8 })
  const app = await startApp(t, { BCRYPT_COST: '7' }, url)
  const kinds = {
    unknown: ['nobody', 'wrong'],
    wrong: ['johndoe', 'wrong'],
    disabled: ['alice', 'wrong'],
    cheaper: ['cheaper', 'wrong'],
    costlier: ['costlier', 'wrong'],
  } as const
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]))
  // The processor's time, of all threads, as other processes delay a response but do not add to its work.
  const measure = async () => {
    for (let i = 0; i < 30; i++)
      for (const [kind, [username, password]] of Object.entries(kinds)) {
        const began = process.cpuUsage()
        await postToken(app, { username, password })
        const { user, system } = process.cpuUsage(began)
        times[kind]?.push((user + system) / 1_000)
      }
    return Object.entries(times).map(([kind, values]) => [kind, fast(values)] as const)
  }
  const areAlike = (values: number[]) => Math.max(...values) < 1.25 * Math.min(...values)
  let fastest = await measure()
  // What else the process does goes, and a difference stays, with more responses.
  for (let round = 2; round <= 10 && !areAlike(fastest.map(([, value]) => value)); round++)
    fastest = await measure()
  t.ok(
    areAlike(fastest.map(([, value]) => value)),
    fastest.map(([kind, value]) => `${kind} ${value.toFixed(1)} ms`).join(', '),
  )
})

t.test('a throttled account takes as long as any other, and so does an unknown one', async (t) => {
  const { logIn } = await start(t, {
    LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: '1',
    LOGIN_FAILURES_PER_NETWORK: '100000',
    LOGIN_FAILURES_PER_ACCOUNT: '100000',
  })
  for (const username of ['alice', 'nobody']) for (let i = 0; i < 3; i++) await logIn(username, 'wrong')
  const times: Record<string, number[]> = { alice: [], nobody: [] }
  for (let i = 0; i < 100; i++)
    for (const username of ['alice', 'nobody']) {
      const began = performance.now()
      await (await logIn(username, 'wrong')).arrayBuffer()
      times[username]?.push(performance.now() - began)
    }
  const known = fast(times.alice ?? [])
  const unknown = fast(times.nobody ?? [])
  t.comment(`known ${known.toFixed(2)} ms, unknown ${unknown.toFixed(2)} ms`)
  t.ok(Math.max(known, unknown) < 2 * Math.min(known, unknown))
})
