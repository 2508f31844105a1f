import { readFileSync } from 'node:fs'
import t from 'tap'
import { startApp } from '../helpers/app.js'

t.test('docs/openapi.json is the document that the service answers', async (t) => {
  const app = await startApp(t)
  const committed = readFileSync('docs/openapi.json', 'utf8')
  const served = (await app.inject('/openapi.json')).json<object>()
  const hint = 'write it again with: npm run docs:openapi'
  t.same(JSON.parse(committed), served, hint)
  t.equal(committed, `${JSON.stringify(served, null, 2)}\n`, hint)
})

t.test('its version is that of package.json', async (t) => {
  const app = await startApp(t)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  t.match((await app.inject('/openapi.json')).json(), { info: { version } })
})
