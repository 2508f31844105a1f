import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { postToken, startApp } from '../helpers/app.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, untilWaiting } from '../helpers/replicas.js'

const familyLock = 'SELECT FROM token_families FOR UPDATE'
const change = (set: string) => `UPDATE users SET ${set} WHERE username = 'johndoe'`

/** A login whose refreshes wait for the end of a blocking transaction. */
async function start(t: Test) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const login = await postToken(app, { username: 'johndoe', password: 'secret' })
  const { refresh_token } = login.json<{ refresh_token: string }>()
  const blocker = await beginTransaction(t, url, familyLock)
  const refresh = () => postToken(app, { grant_type: 'refresh_token', refresh_token })
  return { url, app, blocker, refresh }
}

for (const [what, statement, expected] of [
  ['the user is disabled', change('disabled = true'), 400],
  ['another password is set', change("hashed_password = replace(hashed_password, '$04$', '$05$')"), 400],
  ['the password has to be changed', change('password_change_required = true'), 400],
  ['the client is disabled', "UPDATE clients SET disabled = true WHERE client_id = 'first-party'", 400],
  ['a scope is taken away', "UPDATE clients SET scopes = '{me}' WHERE client_id = 'first-party'", 200],
] as const)
  t.test(`a refresh that waits while ${what} is decided by the new state`, async (t) => {
    const { url, blocker, refresh } = await start(t)
    const refreshing = refresh()
    await untilWaiting(url)
    await query(url, statement)
    await blocker.query('COMMIT')
    const answer = await refreshing
    t.equal(answer.statusCode, expected)
    t.match(answer.json(), expected === 200 ? { scope: 'me' } : { error: 'invalid_grant' })
  })

t.test(
  'a refresh that waits while its family is revoked is refused, and does not count as a reuse',
  async (t) => {
    const { url, app, blocker, refresh } = await start(t)
    const refreshing = refresh()
    await untilWaiting(url)
    await blocker.query('UPDATE token_families SET revoked_at = now()')
    await blocker.query('COMMIT')
    t.equal((await refreshing).statusCode, 400)
    t.equal(await app.database.event.count({ where: { action: 'refresh_reuse' } }), 0)
  },
)

t.test('refreshes that wait together all get the same successor', async (t) => {
  const { url, blocker, refresh } = await start(t)
  const refreshing = [refresh(), refresh()]
  await untilWaiting(url, 2)
  await blocker.query('COMMIT')
  const answers = await Promise.all(refreshing)
  t.same(
    answers.map(({ statusCode }) => statusCode),
    [200, 200],
  )
  const [one, other] = answers.map((answer) => answer.json<{ refresh_token: string }>().refresh_token)
  t.equal(one, other)
})
