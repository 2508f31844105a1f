import type { FastifyRequest } from 'fastify'
import { version } from '../../manifest.js'
import { routeOf } from '../route.js'
import { type LogFormat, pathOf } from './format.js'

/** Version of the Elastic Common Schema whose names are used. */
const ecsVersion = '8.17.0'

/** Nanoseconds in a millisecond. */
const nanoseconds = 1_000_000

/** Names of the schema for members that lines of the log have. Those with other names become parts of `latchkey`. */
const names: Record<string, string> = {
  statusCode: 'http.response.status_code',
  remoteAddress: 'client.ip',
  reason: 'error.message',
  code: 'error.code',
}

/** The format `ecs`: names of the Elastic Common Schema 8, as ECS Logging writes them. docs/logs.md documents them. */
export function ecsFormat(serviceName: string): LogFormat {
  const describeProcess = ({ pid, hostname }: Record<string, unknown>) => ({
    'ecs.version': ecsVersion,
    'service.name': serviceName,
    'service.version': version,
    'process.pid': pid,
    'host.hostname': hostname,
  })

  return {
    requestIdLabel: 'http.request.id',
    options: {
      messageKey: 'message',
      timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ 'log.level': label }),
        bindings: describeProcess,
        log: toEcs,
      },
    },
    describeSpan: ({ traceId, spanId }) => ({ 'trace.id': traceId, 'span.id': spanId }),
    describeRequest,
  }
}

const describeRequest: LogFormat['describeRequest'] = function describeRequest(request, response) {
  const { id, method, url, clientAddress, loggedCaller, span } = request
  const route = routeOf(request)
  const context = span?.spanContext()
  return {
    'http.request.id': id,
    'http.request.method': method,
    'latchkey.route': route,
    'url.path': pathOf(url, route),
    'client.ip': clientAddress ?? undefined,
    'http.response.status_code': response?.statusCode,
    'event.duration': response && Math.round(response.elapsedTime * nanoseconds),
    'user.hash': loggedCaller?.subject,
    'latchkey.client_id': loggedCaller?.clientId,
    'trace.id': context?.traceId,
    'span.id': context?.spanId,
  }
}

/** Returns the members of a line under the names of the schema. Names with a dot are of the schema already. */
function toEcs(members: Record<string, unknown>): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  const own: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(members))
    if (name.includes('.')) line[name] = value
    else if (value instanceof Error) Object.assign(line, describeError(value))
    else if (name === 'req') Object.assign(line, describeRequest(value as FastifyRequest, undefined))
    else if (names[name]) line[names[name]] = value
    else own[name] = value
  return Object.keys(own).length > 0 ? { ...line, latchkey: own } : line
}

function describeError(error: Error & { code?: string }): Record<string, unknown> {
  return {
    'error.type': error.name,
    'error.code': error.code,
    'error.message': error.message,
    'error.stack_trace': error.stack,
  }
}
