import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { postToken, startApp } from '../helpers/app.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, untilWaiting } from '../helpers/replicas.js'
import { readRevoked } from '../helpers/status.js'

const refresh = (token: string) => ({ grant_type: 'refresh_token', refresh_token: token })

interface Tokens {
  access_token: string
  refresh_token: string
}

async function logIn(t: Test) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '' }, url)
  const login = { grant_type: 'password', username: 'johndoe', password: 'secret' }
  const tokens = (await postToken(app, login)).json<Tokens>()
  return { url, app, tokens }
}

// The end of a login sets the bits of the tokens that are stored. Without the wait, a token could be stored after that and be
// issued before the end is committed.
for (const what of ['a refresh', 'a repeated refresh'])
  t.test(`${what} waits for the end of its login`, async (t) => {
    const { url, app, tokens } = await logIn(t)
    const issued = [tokens.access_token]
    if (what === 'a repeated refresh') {
      const first = await postToken(app, refresh(tokens.refresh_token))
      issued.push(first.json<Tokens>().access_token)
    }
    const end = await beginTransaction(t, url, 'UPDATE token_families SET revoked_at = now()')
    const refreshing = postToken(app, refresh(tokens.refresh_token))
    const first = await Promise.race([
      refreshing.then(() => 'answered'),
      untilWaiting(url).then(() => 'waits'),
    ])
    t.equal(first, 'waits')
    await end.query('COMMIT')
    t.equal((await refreshing).statusCode, 400)
    t.ok((await readRevoked(url, issued)).every(Boolean))
  })

t.test('the end of a login finds the token of a refresh that was the first', async (t) => {
  const { url, app, tokens } = await logIn(t)
  const answers = await beginTransaction(t, url, 'SELECT FROM refresh_tokens FOR UPDATE')
  const refreshing = postToken(app, refresh(tokens.refresh_token))
  await untilWaiting(url)
  const ending = query(url, 'UPDATE token_families SET revoked_at = now()')
  await answers.query('COMMIT')
  const response = await refreshing
  await ending
  const entries = await query<{ count: number }>(
    url,
    'SELECT count(*)::int AS count FROM refresh_tokens WHERE status_list IS NOT NULL',
  )
  const bits = await query<{ count: number }>(url, 'SELECT count(*)::int AS count FROM status_revocations')
  t.same(entries, [{ count: 1 }])
  t.same(bits, [{ count: 2 }], 'of the login and of the refresh')
  if (response.statusCode === 200)
    t.same(await readRevoked(url, [response.json<Tokens>().access_token]), [true])
})
