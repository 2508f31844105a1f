import t from 'tap'
import { query } from '../database/query.js'
import { postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { good, issueTokens, judge, refused, startWithClient } from '../helpers/judged-tokens.js'
import { readRevoked } from '../helpers/status.js'

t.test('tokens revoke --all refuses every token at once, also in a service that runs', async (t) => {
  const { url, app, secret } = await startWithClient(t)
  const tokens = await issueTokens(app, secret)
  const invitation = JSON.parse((await runCommand(url, ['users', 'invite', '--json'])).stdout) as object
  t.ok(invitation)
  t.same(await runCommand(url, ['tokens', 'revoke', '--all']), {
    status: 0,
    stdout: 'All tokens, mailed links and invitations are revoked.\n',
    stderr: '',
  })
  t.strictSame(await judge(app, secret, tokens), refused)
  t.strictSame(await readRevoked(url, [tokens.access, tokens.client]), [true, true])
  t.strictSame(await query(url, 'SELECT FROM one_time_tokens'), [])
  t.match(await query(url, "SELECT actor, subject FROM events WHERE action = 'tokens_revoked'"), [
    { actor: 'cli', subject: null },
  ])
  const fresh = await issueTokens(app, secret)
  t.strictSame(await judge(app, secret, fresh), good)
  const { stdout } = await runCommand(url, ['tokens', 'revoke', '--all', '--json'])
  t.same(JSON.parse(stdout), { all: true, revoked: true })
  t.strictSame(await judge(app, secret, fresh), refused, 'a second time')
})

t.test('tokens of the shared secret, and those of the service before, are refused too', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const [{ generation } = {}] = await query<{ generation: number }>(
    url,
    "SELECT generation FROM users WHERE username = 'johndoe'",
  )
  t.equal(generation, 0, 'tokens that were issued elsewhere are valid in generation 0')
  const token = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<{
    access_token: string
  }>()
  await runCommand(url, ['tokens', 'revoke', '--all'])
  await app.changes.sync()
  t.equal((await as(app, token.access_token).get('/users/me/')).statusCode, 401)
})

t.test('exactly one of --user, --client and --all is given', async (t) => {
  const url = await cloneDatabase(t)
  for (const args of [[], ['--all', '--user', 'johndoe'], ['--user', 'johndoe', '--client', 'x']])
    t.match(await runCommand(url, ['tokens', 'revoke', ...args]), {
      status: 2,
      stderr: /either --user, --client or --all/,
    })
})
