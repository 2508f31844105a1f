import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the process is about to end: it is no longer ready, and closes each connection after its next response. */
    draining: boolean
  }
}

/**
 * Registers `app.draining`: once it is set, every response closes its connection. It depends on what delays responses,
 * since the decision is made when a response leaves.
 */
export const connectionDraining = plugin(registerDraining, {
  name: 'connection-draining',
  dependencies: ['batched-responses', 'metrics'],
})

async function registerDraining(app: FastifyInstance): Promise<void> {
  app.decorate('draining', false)
  app.metrics.draining.observe({}, () => Number(app.draining))
  app.addHook('onSend', function closeConnection(_request, reply, payload, done) {
    if (app.draining) reply.header('connection', 'close')
    done(null, payload)
  })
}
