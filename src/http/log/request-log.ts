import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { onRequestEnd } from '../request-end.js'
import type { LogFormat } from './format.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route is a probe. Probes come every few seconds, so they are logged at the level `debug`. */
    isProbe?: boolean
  }
  interface FastifyRequest {
    /** Caller of the request, for the log; null until the caller is known. */
    loggedCaller: LoggedCaller | null
  }
}

/** A caller, as the log names it. */
interface LoggedCaller {
  /** Client that authenticated or that the token was issued to. */
  clientId?: string | undefined
  /** Keyed digest of the subject. */
  subject?: string | undefined
}

/**
 * Logs each request when its response has been sent or its client has disconnected. At the level `debug` it also logs
 * probes, and the arrival of each request. The lines consist of parts without secrets, so redaction is off: it takes longer
 * than handling a request.
 */
export const requestLog = plugin(logRequests, {
  name: 'request-log',
  dependencies: ['client-address', 'request-tracing'],
})

async function logRequests(app: FastifyInstance, { format }: { format: LogFormat }): Promise<void> {
  const { describeRequest, options } = format
  // The members have their final names, so nothing changes them. The members of all lines are inherited.
  const formatters = { log: (members: object) => members }
  const log = app.log.child({}, { redact: [], ...(options.formatters && { formatters }) })
  const logsArrivals = log.level === 'debug' || log.level === 'trace'
  app.decorateRequest('loggedCaller', null)
  app.addHook('onRequest', function logIncoming(request, { raw }, done) {
    if (logsArrivals) log.debug(describeRequest(request, undefined), 'incoming request')
    onRequestEnd(raw, function logAborted(isAborted) {
      if (isAborted) log.info(describeRequest(request, undefined), 'request aborted')
    })
    done()
  })
  app.addHook('onResponse', function logCompleted(request, reply, done) {
    const isProbe = request.routeOptions.config.isProbe === true
    log[isProbe ? 'debug' : 'info'](describeRequest(request, reply), 'request completed')
    done()
  })
}
