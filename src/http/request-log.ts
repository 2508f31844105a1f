import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyLoggerOptions,
  FastifyReply,
  FastifyRequest,
  LogLevel,
} from 'fastify'
import type { Bindings, ChildLoggerOptions } from 'fastify/types/logger.js'
import plugin from 'fastify-plugin'
import { splitTarget } from './request-target.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route is a probe. Probes come every few seconds, so they are logged at the level `debug`. */
    isProbe?: boolean
  }
}

/** Names of members that are redacted in every line, down to the third level. */
const secrets = [
  'authorization',
  'cookie',
  'password',
  'client_secret',
  'access_token',
  'refresh_token',
  'token',
]

/** Returns the options of the logger, which writes JSON lines to standard output. */
export function loggerOptions({
  logLevel,
}: {
  logLevel: string
}): FastifyLoggerOptions & { redact: string[] } {
  return {
    level: logLevel,
    redact: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
    serializers: { req: describe },
  }
}

/** Creates the logger of one request, whose lines have the id of the request. */
export function createRequestLogger(
  parent: FastifyBaseLogger,
  bindings: Bindings,
  options: ChildLoggerOptions,
): FastifyBaseLogger {
  return new RequestLogger(parent, bindings, options)
}

/** A child logger that is created when it logs its first line: creating one is expensive, and most requests log none. */
class RequestLogger implements FastifyBaseLogger {
  readonly #parent: FastifyBaseLogger
  readonly #bindings: Bindings
  readonly #options: ChildLoggerOptions
  #logger: FastifyBaseLogger | undefined

  constructor(parent: FastifyBaseLogger, bindings: Bindings, options: ChildLoggerOptions) {
    this.#parent = parent
    this.#bindings = bindings
    this.#options = options
  }

  get level(): string {
    return this.#parent.level
  }

  fatal(...line: unknown[]): void {
    this.#log('fatal', line)
  }

  error(...line: unknown[]): void {
    this.#log('error', line)
  }

  warn(...line: unknown[]): void {
    this.#log('warn', line)
  }

  info(...line: unknown[]): void {
    this.#log('info', line)
  }

  debug(...line: unknown[]): void {
    this.#log('debug', line)
  }

  trace(...line: unknown[]): void {
    this.#log('trace', line)
  }

  silent(): void {}

  child(bindings: Bindings, options?: ChildLoggerOptions): FastifyBaseLogger {
    return this.#create().child(bindings, options)
  }

  #log(level: Exclude<LogLevel, 'silent'>, line: unknown[]): void {
    this.#create()[level](...(line as Parameters<FastifyBaseLogger['info']>))
  }

  #create(): FastifyBaseLogger {
    this.#logger ??= this.#parent.child(this.#bindings, this.#options)
    return this.#logger
  }
}

/**
 * Logs each request when its response has been sent or its client has disconnected. At the level `debug` it also logs
 * probes, and the arrival of each request. The lines consist of parts without secrets, so redaction is off: it takes longer
 * than handling a request.
 */
export const requestLog = plugin(logRequests, { name: 'request-log', dependencies: ['client-address'] })

async function logRequests(app: FastifyInstance): Promise<void> {
  const log = app.log.child({}, { redact: [] })
  app.addHook('onRequest', function logIncoming(request, { raw }, done) {
    log.debug(describe(request), 'incoming request')
    raw.once('close', function logAborted() {
      if (!raw.writableFinished) log.info(describe(request), 'request aborted')
    })
    done()
  })
  app.addHook('onResponse', function logCompleted(request, reply, done) {
    const isProbe = request.routeOptions.config.isProbe === true
    log[isProbe ? 'debug' : 'info'](describe(request, reply), 'request completed')
    done()
  })
}

/** Returns the parts of a request and its response that may be logged. Query and headers may contain secrets. */
function describe({ id: reqId, method, url, clientAddress }: FastifyRequest, reply?: FastifyReply) {
  const [path] = splitTarget(url)
  // A single literal: pino takes three times as long to serialize an object with spread members.
  return {
    reqId,
    method,
    path,
    remoteAddress: clientAddress ?? 'none',
    statusCode: reply?.statusCode,
    responseTime: reply?.elapsedTime,
  }
}
