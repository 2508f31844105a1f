import fastify from 'fastify'
import t from 'tap'
import { handleError } from '../../src/http/error-handler.js'
import { timeLimit } from '../../src/http/time-limit.js'

t.test('a change that takes too long gets a 503 that leaves open whether it was made', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  app.setErrorHandler(handleError)
  app.decorateRequest('isOAuthRequest', false)
  await app.register(timeLimit, { limitMs: 20 })
  const limits: Record<string, number | undefined> = {}
  app.addHook('onRoute', ({ url, method, handlerTimeout }) => {
    limits[`${method} ${url}`] = handlerTimeout
  })
  app.get('/', async () => 'read')
  app.post('/', () => new Promise(() => {}))
  app.post('/own', { handlerTimeout: 30 }, async () => 'made')
  const { statusCode, body } = await app.inject({ method: 'POST', url: '/' })
  t.equal(statusCode, 503)
  t.equal(body, '{"detail":"Service Unavailable: the change may or may not have been made"}')
  t.match(limits, { 'GET /': undefined, 'POST /': 20, 'POST /own': 30 })
})
