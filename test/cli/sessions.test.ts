import t from 'tap'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

interface Session {
  id: string
  username: string
}

t.test('logins are listed and ended', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const list = async (...args: string[]) =>
    JSON.parse((await runCommand(url, ['sessions', 'list', '--json', ...args])).stdout) as Session[]
  t.same(await list(), [])
  const [first, second] = [await logIn(app, 'johndoe', 'secret'), await logIn(app, 'johndoe', 'secret')]
  const [newer, older] = await list()
  t.match(newer, { username: 'johndoe', client_id: 'first-party', scope: /me/, created_at: /Z$/ })
  t.equal((await list('--user', 'johndoe', '--client', 'first-party')).length, 2)
  t.equal((await list('--limit', '1')).length, 1)
  for (const args of [
    ['--user', 'alice'],
    ['--client', 'x'],
    ['--user', 'a\0b'],
  ])
    t.same(await list(...args), [], args.join(' '))
  const id = older?.id ?? ''
  t.match(await runCommand(url, ['sessions', 'end', id]), {
    status: 0,
    stdout: 'Ended a session of johndoe.\n',
  })
  await app.changes.sync()
  t.equal((await as(app, first).get('/users/me/')).statusCode, 401)
  t.equal((await as(app, second).get('/users/me/')).statusCode, 200)
  t.same(await list(), [newer])
  for (const unknown of [id, 'x', id.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))])
    t.match(await runCommand(url, ['sessions', 'end', unknown]), { status: 3, stderr: /there is no session/ })
  await runCommand(url, ['tokens', 'revoke', '--user', 'johndoe'])
  t.same(await list(), [])
})
