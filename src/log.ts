import type { FastifyInstance, FastifyLoggerOptions, FastifyRequest } from 'fastify'
import type { Config } from './config.js'

const secrets = [
  'authorization',
  'cookie',
  'password',
  'client_secret',
  'access_token',
  'refresh_token',
  'token',
]

/** JSON lines on standard output. A request is logged without its query and headers, where secrets may be. */
export function loggerOptions({ logLevel }: Config): FastifyLoggerOptions & { redact: string[] } {
  return {
    level: logLevel,
    redact: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
    serializers: {
      req: ({ method, url, ip }: FastifyRequest) => ({
        method,
        path: url.replace(/\?.*/s, ''),
        remoteAddress: ip,
      }),
    },
  }
}

/**
 * Logs each request once, when it has been answered; at the level `debug` also when it comes. The lines are made of parts
 * that hold no secret, so nothing looks for some in them: that costs more than all else that a request needs.
 */
export function logRequests(app: FastifyInstance): void {
  const log = app.log.child({}, { redact: [] })
  app.addHook('onRequest', function logIncoming(request, _reply, done) {
    log.debug({ reqId: request.id, req: request }, 'incoming request')
    done()
  })
  app.addHook('onResponse', function logCompleted(request, reply, done) {
    const { id: reqId } = request
    log.info({ reqId, req: request, res: reply, responseTime: reply.elapsedTime }, 'request completed')
    done()
  })
}
