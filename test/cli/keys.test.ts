import t from 'tap'
import { jwtSecret, logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { until } from '../helpers/wait.js'

interface Key {
  kid: string
  state: string
  signs_at: string
  published_at: string
}

t.test('keys are listed, rotated and retired', async (t) => {
  const url = await cloneDatabase(t)
  const env = { JWKS_MAX_AGE_SECONDS: '1' }
  const app = await startApp(t, { ...env, JWT_SECRET: '' }, url)
  const list = async () => JSON.parse((await runCommand(url, ['keys', 'list', '--json'])).stdout) as Key[]
  const states = async () => (await list()).map(({ state }) => state)
  const token = await logIn(app, 'johndoe', 'secret')
  t.same(await states(), ['signing'])
  t.match((await runCommand(url, ['keys', 'list'])).stdout, /^kid +algorithm +state +published_at/)

  const rotated = await runCommand(url, ['keys', 'rotate'])
  t.match(rotated, { status: 0, stdout: /^[\da-f]{32} signs from 20\S+Z\.\n$/ })
  t.same(await states(), ['signing', 'published'])
  t.match(await runCommand(url, ['keys', 'rotate']), { status: 4, stderr: /already published/ })
  const [first, second] = await list()
  const lead = Date.parse(second?.signs_at ?? '') - Date.parse(second?.published_at ?? '')
  t.ok(lead > 300_000, 'longer than caches keep the keys')

  const [signing = ''] = (await list()).map(({ kid }) => kid)
  t.match(await runCommand(url, ['keys', 'retire', signing]), { status: 4, stderr: /keys rotate --now/ })
  const now = await runCommand(url, ['keys', 'rotate', '--now', '--json'])
  const { kid } = JSON.parse(now.stdout) as Key
  t.same((await list()).find((key) => key.kid === kid)?.state, 'signing')
  t.match(await runCommand(url, ['keys', 'retire', first?.kid ?? '']), { status: 0, stdout: /^Retired/ })
  t.match(await runCommand(url, ['keys', 'retire', first?.kid ?? '']), { status: 3 })
  t.match((await runCommand(url, ['keys', 'list'])).stdout, / retired /)
  t.match(await runCommand(url, ['keys', 'retire', 'none']), { status: 3, stderr: /no key none to retire/ })
  await until(async () => (await as(app, token).get('/users/me/')).statusCode === 401)
  t.equal((await as(app, await logIn(app, 'johndoe', 'secret')).get('/users/me/')).statusCode, 200)
})

t.test('with a shared secret there are no keys', async (t) => {
  const url = await cloneDatabase(t)
  const env = { JWT_SECRET: jwtSecret }
  t.match(await runCommand(url, ['keys', 'list', '--json'], { env }), { status: 0, stdout: '[]\n' })
  for (const args of [['rotate'], ['retire', 'x']])
    t.match(await runCommand(url, ['keys', ...args], { env }), { status: 4, stderr: /JWT_SECRET signs/ })
})
