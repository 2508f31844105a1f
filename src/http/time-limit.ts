import { errorCodes, type FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { isUnsafe } from './unsafe-request.js'

/**
 * Limits the time of requests that may change something, including receiving them, so that the client gets a response
 * before the connection times out. Other requests are limited by the database, and their responses may be streams.
 *
 * Fastify's own `handlerTimeout` ends with the body of the request: a handler that works after that has no limit.
 */
export const timeLimit = plugin(limitChangingRequests, { name: 'time-limit' })

async function limitChangingRequests(app: FastifyInstance, { limitMs }: { limitMs: number }): Promise<void> {
  app.addHook('onRequest', function limitTime(request, reply, done) {
    if (isUnsafe(request)) {
      const timer = setTimeout(() => {
        if (!reply.sent) reply.send(new errorCodes.FST_ERR_HANDLER_TIMEOUT(limitMs, request.routeOptions.url))
      }, limitMs)
      reply.raw.once('close', () => clearTimeout(timer))
    }
    done()
  })
}
