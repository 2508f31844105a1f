import t from 'tap'
import { startCollector } from '../helpers/collector.js'
import { cloneDatabase } from '../helpers/database.js'
import { startProxy } from '../helpers/proxy.js'
import { startService } from '../helpers/service.js'

const canary = 'cAnArY'

/** A line of the banner, or about an e-mail that was not sent: in development they stand between the lines of the log. */
const forDevelopers =
  /^$|^Latchkey is ready\.$|^ {2}(Open|Try it|Log in|Mail|Stop) {2}|^Mail to [\w@.]+: |^ {2}http:/

for (const format of ['json', 'ecs'])
  t.test(
    `the log (${format}) and the traces hold no secret at the most verbose level, whatever fails`,
    async (t) => {
      const collector = await startCollector(t)
      const proxy = await startProxy(t, await cloneDatabase(t))
      const url = new URL(proxy.url)
      const { origin, program } = await startService(t, {
        DATABASE_URL: `${url.href}?application_name=${canary}`,
        LOG_LEVEL: 'trace',
        LOG_FORMAT: format,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=${canary}`,
        JWT_SECRET: `${canary}-${'0123456789'.repeat(4)}`,
        BCRYPT_COST: '4',
      })
      const message = format === 'ecs' ? 'message' : 'msg'
      const basic = Buffer.from(`${canary}:${canary}`).toString('base64')
      const sendAll = async () => {
        const secrets = { password: canary, client_secret: canary, refresh_token: canary, token: canary }
        const headers = { authorization: `Basic ${basic}`, cookie: `session=${canary}` }
        const requests: [string, RequestInit][] = [
          ['/token', { method: 'POST', body: new URLSearchParams({ username: canary, ...secrets }) }],
          [
            '/token',
            {
              method: 'POST',
              headers,
              body: new URLSearchParams({ grant_type: 'refresh_token', ...secrets }),
            },
          ],
          ['/revoke', { method: 'POST', headers, body: new URLSearchParams(secrets) }],
          ['/introspect', { method: 'POST', body: new URLSearchParams(secrets) }],
          [`/users/me/?token=${canary}`, { headers: { authorization: `Bearer ${canary}` } }],
          [`/nowhere?access_token=${canary}`, { headers }],
          ...['/users/', '/account/reset-password', '/account/forgot-password'].map(
            (path): [string, RequestInit] => [
              path,
              {
                method: 'POST',
                headers: { ...headers, 'content-type': 'application/json' },
                body: JSON.stringify({
                  username: 'somebody',
                  email: 'x@example.com',
                  ...secrets,
                  password: `${canary}1`,
                }),
              },
            ],
          ),
          [
            '/users/',
            {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: `{"password":"${canary}`,
            },
          ],
          ['/livez', { headers: { 'user-agent': 'a\\n{"level":60}' } }],
        ]
        for (const [path, init] of requests) await (await fetch(`${origin}${path}`, init)).text()
        await fetch(`${origin}/%0a%7b%22level%22:60%7d%1b[31m`)
      }
      await sendAll()
      proxy.cut()
      await sendAll()
      program.process.kill('SIGTERM')
      await program.ends()
      t.ok(collector.spans.length > 0)
      const log = `${program.stdout}${program.stderr}${Buffer.concat(collector.bodies).toString('latin1')}`
      t.notMatch(log, new RegExp(canary, 'i'))
      t.notMatch(log, basic)
      for (const line of program.stdout.split('\n'))
        if (!forDevelopers.test(line))
          t.type((JSON.parse(line) as Record<string, unknown>)[message], 'string', line)
      t.notMatch(`${program.stdout}${program.stderr}`, '\u001b')
    },
  )
