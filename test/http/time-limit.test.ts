import fastify from 'fastify'
import t from 'tap'
import { createOutageLog } from '../../src/database/outage.js'
import { handleError } from '../../src/http/error-handler.js'
import { timeLimit } from '../../src/http/time-limit.js'
import { createMetrics } from '../../src/metrics/index.js'

t.test('a change that takes too long gets a 503 that leaves open whether it was made', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  app.setErrorHandler(handleError)
  app.decorateRequest('isOAuthRequest', false)
  app.decorateRequest('errorCode', null)
  app.decorate('metrics', createMetrics())
  app.decorate('outage', createOutageLog(app.log, app.metrics))
  await app.register(timeLimit, { limitMs: 20 })
  let finish = (_result: string) => {}
  const never = () =>
    new Promise<string>((resolve) => {
      finish = resolve
    })
  app.get('/', async () => 'read')
  app.post('/', never)
  app.delete('/', async () => 'deleted')
  const origin = await app.listen()

  // With a body over a connection, since the request is complete for Node.js once its body has been read.
  for (const body of ['{"a":1}', undefined]) {
    const headers = { ...(body && { 'content-type': 'application/json' }) }
    const response = await fetch(origin, { method: 'POST', headers, ...(body && { body }) })
    t.equal(response.status, 503, String(body))
    t.match(await response.text(), 'the change may or may not have been made')
    finish('late')
  }
  for (const [method, text] of [
    ['DELETE', 'deleted'],
    ['GET', 'read'],
  ])
    t.equal(await (await fetch(origin, { method: String(method) })).text(), text)
})
