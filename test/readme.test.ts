import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { startService } from './helpers/service.js'

const readme = readFileSync('README.md', 'utf8')
const run = promisify(execFile)

const withoutCurl = spawnSync('curl', ['--version']).error ? 'curl is not installed' : false

t.test('the five-minute tour works when it is pasted', { skip: withoutCurl }, async (t) => {
  const { origin } = await startService(t, { DATA_DIRECTORY: t.testdir() }, 'dist/src/server.js')
  const [, tour = ''] = /## Five minutes with curl\n(.*?)\n## /s.exec(readme) ?? []
  const commands = [...tour.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block).join('\n')
  const { stdout } = await run('bash', ['-euc', commands.replaceAll('http://localhost:8000', origin)])
  for (const answer of [
    /\{"access_token":"ey[^"]+","token_type":"bearer","expires_in":1800,"scope":"[^"]+","refresh_token":"lkr_/,
    /HTTP\/1.1 400 [\s\S]*"error":"invalid_grant"/,
    '{"username":"johndoe","email":"johndoe@example.com","full_name":"John Doe","disabled":false}',
    '[{"item_id":"Foo","owner":"johndoe"}]',
    /HTTP\/1.1 401 [\s\S]*\{"detail":"Incorrect username or password"\}/,
    /HTTP\/1.1 401 [\s\S]*\{"detail":"Could not validate credentials"\}/,
    '{"detail":"Inactive user"}',
    /"item_id":"Bar","owner":"johndoe","title":"A bar".*"metadata":\{"open":true\}.*"version":2/,
    '{"detail":"If the username is available, the account has been created: log in"}',
  ])
    t.match(stdout, answer)
})

t.test('every npm script that the README names exists', async (t) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const [, name = ''] of readme.matchAll(/npm (?:run )?(start|test|lint|format|db:\w+)/g))
    t.ok(scripts[name], name)
})
