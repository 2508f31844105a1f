import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'

/**
 * Limits the time of requests that may change something, including receiving them, so that the client gets a response
 * before the connection times out. Other requests are limited by the database, and their responses may be streams.
 */
export const timeLimit = plugin(limitChangingRequests, { name: 'time-limit' })

async function limitChangingRequests(app: FastifyInstance, { limitMs }: { limitMs: number }): Promise<void> {
  app.addHook('onRoute', function limitTime(route) {
    if (route.method !== 'GET' && route.method !== 'HEAD') route.handlerTimeout ??= limitMs
  })
}
