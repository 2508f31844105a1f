import type { SpanContext } from '@opentelemetry/api'
import type { FastifyRequest } from 'fastify'
import type { PinoLoggerOptions } from 'fastify/types/logger.js'
import { splitTarget } from '../request-target.js'
import { hasParameters } from '../route.js'

/** Names and forms of the members of log lines. */
export interface LogFormat {
  /** Name of the id of a request. */
  requestIdLabel: string
  /** Options of the logger that concern the form of its lines. */
  options: PinoLoggerOptions
  /** Returns the members that name a span. */
  describeSpan(span: SpanContext): object
  /**
   * Returns the parts of a request and its response that may be logged. Query and headers may contain secrets.
   *
   * It is a single literal, as pino takes three times as long to serialize an object with spread members.
   */
  describeRequest(request: FastifyRequest, response: LoggedResponse | undefined): object
}

/** Status of a response, and the time that it took (milliseconds). */
interface LoggedResponse {
  statusCode: number
  elapsedTime: number
}

/** Returns the path of a request, unless its route has parameters: their values may identify a user. */
export function pathOf(url: string, route: string | undefined): string | undefined {
  return route !== undefined && hasParameters(route) ? undefined : splitTarget(url)[0]
}
