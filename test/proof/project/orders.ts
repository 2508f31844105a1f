import { tokenVerifier } from '@latchkey/verify'
import { latchkeyFastify } from '@latchkey/verify/fastify'
import { type FastifyInstance, fastify } from 'fastify'
import { jumpTo, longestDelayMs } from './machine.js'

// A service that is called. `/orders` goes on with a status list that cannot be fetched, `/strict/orders` does not.

const { ISSUER: issuer = '', AUDIENCE: audience = '' } = process.env

/** Hard age of a withdrawn key (milliseconds), short enough for a test. */
const maxKeyAgeMs = 30_000

const settings = { issuer, audience, maxKeyAgeMs }
const strict = { ...settings, whenStale: 'refuse' } as const

async function addOrders(app: FastifyInstance, options: typeof settings): Promise<void> {
  await app.register(latchkeyFastify, options)
  app.get('/orders', { onRequest: app.requireScope('orders:read') }, async () => ({ orders: [] }))
}

const app = fastify()
app.register((scope) => addOrders(scope, settings))
app.register((scope) => addOrders(scope, strict), { prefix: '/strict' })

process.on('message', (offsetMs: number) => jumpTo(offsetMs))
process.on('disconnect', () => process.exit())

const origin = await app.listen({ port: 0, host: '127.0.0.1' })
process.send?.({
  origin,
  maxKeyAgeMs,
  maxRevocationDelayMs: tokenVerifier(strict).maxRevocationDelayMs,
})
setInterval(() => process.send?.({ longestDelayMs: longestDelayMs() }), 1_000)
