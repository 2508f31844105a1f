import { trace } from '@opentelemetry/api'
import type { FastifyRequest } from 'fastify'
import type { PinoLoggerOptions } from 'fastify/types/logger.js'
import { ecsFormat } from './ecs.js'
import type { LogFormat } from './format.js'
import { jsonFormat } from './json.js'
import { spanOf } from './request-logger.js'

/** Settings of the log. */
export interface LogSettings {
  logLevel: string
  logFormat: 'json' | 'ecs'
  serviceName: string
  /** How traces are recorded; null where they are not. */
  tracing: object | null
}

/** Names of members that are redacted in every line, down to the fourth level. */
const secrets = [
  'authorization',
  'cookie',
  'password',
  'client_secret',
  'access_token',
  'refresh_token',
  'token',
]

/** Returns the format of the log. */
export function formatOf({
  logFormat,
  serviceName,
}: Pick<LogSettings, 'logFormat' | 'serviceName'>): LogFormat {
  return logFormat === 'ecs' ? ecsFormat(serviceName) : jsonFormat
}

/** Returns the options of the logger, which writes JSON lines to standard output. */
export function loggerOptions(settings: LogSettings): PinoLoggerOptions {
  const { options, describeSpan, describeRequest } = formatOf(settings)

  /** Names the span of the request whose line it is or, in lines of the service, of the request that they are written for. */
  function nameSpan(_members: object, _level: number, logger: object): object {
    const span = spanOf(logger) ?? trace.getActiveSpan()?.spanContext()
    return span ? describeSpan(span) : {}
  }

  return {
    ...options,
    level: settings.logLevel,
    redact: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`]),
    serializers: {
      req: (request: FastifyRequest) => describeRequest(request, undefined),
      err: describeError,
    },
    ...(settings.tracing && { mixin: nameSpan }),
  }
}

/** Returns the members of an error that are logged. Those of PostgreSQL and Prisma have others, which can contain a whole row. */
function describeError({ name, message, stack, code }: Error & { code?: string }): object {
  return { type: name, message, stack, code }
}
