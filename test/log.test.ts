import { Writable } from 'node:stream'
import fastify from 'fastify'
import t from 'tap'
import { loadConfig } from '../src/config.js'
import { loggerOptions } from '../src/log.js'
import { startService } from './helpers/service.js'

t.test('requests are logged with an id, and without query, headers and body', async (t) => {
  const { origin, program } = await startService(t, { LOG_LEVEL: 'trace' })
  const canary = 'canary-7f3a'
  await fetch(`${origin}/token?password=${canary}`, {
    method: 'POST',
    headers: { authorization: `Basic ${canary}`, cookie: canary },
    body: new URLSearchParams({ username: 'johndoe', password: canary, client_secret: canary }),
  })
  await fetch(`${origin}/users/me/?access_token=${canary}`, {
    headers: { authorization: `Bearer ${canary}` },
  })
  await program.prints('"statusCode":401')
  program.process.kill('SIGTERM')
  await program.ends()
  t.match(program.stdout, /"reqId":"[0-9a-f-]{36}"/)
  t.match(program.stdout, '"path":"/token"')
  t.notMatch(program.stdout + program.stderr, canary)
})

t.test('a secret that somebody logs all the same is redacted', async (t) => {
  let log = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log += chunk
      done()
    },
  })
  const app = fastify({ logger: { ...loggerOptions(loadConfig({})), stream } })
  t.teardown(() => app.close())
  app.log.info({
    password: 'canary',
    headers: { authorization: 'canary' },
    proxied: { headers: { cookie: 'canary' } },
  })
  app.log.info({ body: { client_secret: 'canary', access_token: 'canary', refresh_token: 'canary' } })
  t.match(log, '[Redacted]')
  t.notMatch(log, 'canary')
})
