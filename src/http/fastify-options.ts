import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { type FastifyHttpOptions, LogController } from 'fastify'
import type { Metrics } from '../metrics/index.js'
import { buildSerializer, buildValidator } from './compilers.js'
import { handleError } from './error-handler.js'
import { safeHeaders } from './headers.js'
import { formatOf, type LogSettings, loggerOptions } from './log/options.js'
import { createRequestLogger } from './log/request-logger.js'
import { readTarget } from './request-target.js'
import { trustNetworks } from './server/client-address.js'
import { orderedServerOptions } from './server/server-options.js'
import { ajvOptions } from './validators.js'

/** Options of the router. */
export const routerOptions = {
  /** Maximum length of a path parameter (characters). */
  maxParamLength: 1_024,
}

/** Settings of the HTTP server. */
interface HttpSettings extends LogSettings {
  /** Networks of the proxies whose X-Forwarded-For is trusted. */
  trustProxy: readonly string[]
  /** Maximum size of a body, in bytes, for routes without a limit of their own. */
  bodyLimit: number
  /** Time for which a connection stays open between two requests, in milliseconds. */
  keepAliveMs: number
  /** Inactivity during a request after which its connection is closed, in milliseconds. */
  socketMs: number
  /** Time for receiving a request, in milliseconds. */
  receiveMs: number
}

/** Returns the options of the Fastify instance. */
export function fastifyOptions(settings: HttpSettings, metrics: Metrics): FastifyHttpOptions<Server> {
  const { trustProxy } = settings
  return {
    logger: loggerOptions(settings),
    // Requests are logged by log/request-log.ts.
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: formatOf(settings).requestIdLabel,
    }),
    genReqId: () => randomUUID(),
    childLoggerFactory: createRequestLogger,
    bodyLimit: settings.bodyLimit,
    // Without trusted proxies, false saves Fastify a check in every request.
    trustProxy: trustProxy.length > 0 && trustNetworks(trustProxy),
    connectionTimeout: settings.socketMs,
    requestTimeout: settings.receiveMs,
    keepAliveTimeout: settings.keepAliveMs,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    // A request that has arrived is answered, even while the service closes.
    return503OnClosing: false,
    rewriteUrl: ({ url = '' }) => readTarget(url),
    // Requests that the router itself refuses pass through no hook.
    frameworkErrors: (error, request, reply) => handleError(error, request, reply.headers(safeHeaders)),
    schemaController: { compilersFactory: { buildSerializer, buildValidator } },
    ...orderedServerOptions(metrics),
    ajv: { customOptions: ajvOptions },
    routerOptions,
  }
}
