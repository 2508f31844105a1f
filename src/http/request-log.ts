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
import type { Config } from '../config/index.js'
import { splitTarget } from './request-target.js'

const secrets = [
  'authorization',
  'cookie',
  'password',
  'client_secret',
  'access_token',
  'refresh_token',
  'token',
]

type LogFunction = FastifyBaseLogger['info']

/** JSON lines on standard output. */
export function loggerOptions({ logLevel }: Config): FastifyLoggerOptions & { redact: string[] } {
  return {
    level: logLevel,
    redact: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
    serializers: { req: describe },
  }
}

/**
 * The logger of one request, whose lines have its id. Most requests log nothing by it, so pino's own, which is costly to
 * make, is made for the first line.
 */
export function makeRequestLogger(
  parent: FastifyBaseLogger,
  bindings: Bindings,
  options: ChildLoggerOptions,
): FastifyBaseLogger {
  let child: FastifyBaseLogger | undefined
  function own(): FastifyBaseLogger {
    child ??= parent.child(bindings, options)
    return child
  }
  const log = (level: LogLevel) =>
    function write(...line: Parameters<LogFunction>) {
      own()[level](...line)
    } as LogFunction
  return {
    level: parent.level,
    fatal: log('fatal'),
    error: log('error'),
    warn: log('warn'),
    info: log('info'),
    debug: log('debug'),
    trace: log('trace'),
    silent() {},
    child: (...given) => own().child(...given),
  }
}

/**
 * Logs each request once, when it has been answered or its client is gone; at the level `debug` also when it comes. The
 * lines are made of parts that hold no secret, so nothing looks for some in them: that costs more than all else that a
 * request needs.
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
    log.info(describe(request, reply), 'request completed')
    done()
  })
}

/** What may be told of a request and its answer: not query and headers, where secrets may be. */
function describe({ id: reqId, method, url, clientAddress }: FastifyRequest, reply?: FastifyReply) {
  const [path] = splitTarget(url)
  // One literal, as pino writes out an object that was spread into another one three times as slowly.
  return {
    reqId,
    method,
    path,
    remoteAddress: clientAddress ?? 'none',
    statusCode: reply?.statusCode,
    responseTime: reply?.elapsedTime,
  }
}
