import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'

/**
 * Bounds the time that a request which changes something may take, receiving it included, so that it is answered before
 * its connection is taken to be dead. Answers of other requests are bounded by the database, and may be streams.
 */
export const timeLimit = plugin(limitChangingRequests, { name: 'time-limit' })

async function limitChangingRequests(app: FastifyInstance, { limitMs }: { limitMs: number }): Promise<void> {
  app.addHook('onRoute', function limitTime(route) {
    if (route.method !== 'GET' && route.method !== 'HEAD') route.handlerTimeout ??= limitMs
  })
}
