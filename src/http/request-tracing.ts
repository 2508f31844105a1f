import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Attributes,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import { tracer } from '../tracing/span.js'
import { RequestLogger } from './log/request-logger.js'
import { hasParameters, routeOf } from './route.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Span of the request; null for probes, and where traces are off. */
    span: Span | null
  }
}

/**
 * Records each request but probes in a span, which continues the trace of a `traceparent` (W3C Trace Context). A malformed one is
 * ignored. What the request does is recorded beneath.
 */
export const requestTracing = plugin(traceRequests, { name: 'request-tracing' })

async function traceRequests(app: FastifyInstance, { isOn }: { isOn: boolean }): Promise<void> {
  app.decorateRequest('span', null)
  if (!isOn) return

  app.addHook('onRequest', function startSpan(request, { raw }, done) {
    if (request.routeOptions.config.isProbe) return done()
    const caller = propagation.extract(ROOT_CONTEXT, request.headers)
    const { name, attributes } = describe(request)
    const span = tracer().startSpan(name, { kind: SpanKind.SERVER, attributes }, caller)
    request.span = span
    if (request.log instanceof RequestLogger) request.log.span = span.spanContext()
    raw.once('close', () => endSpan(span, raw))
    enter(span, done)
  })

  // A body arrives in events of its connection, outside of the span.
  app.addHook('preValidation', function enterAgain({ span }, _reply: FastifyReply, done: () => void) {
    if (span) enter(span, done)
    else done()
  })
}

function enter(span: Span, proceed: () => void): void {
  context.with(trace.setSpan(ROOT_CONTEXT, span), proceed)
}

/**
 * Returns name and attributes of a request, by OpenTelemetry's semantic conventions for HTTP. They have no path with parameters, no
 * query and no address, as these may identify a user.
 */
function describe(request: FastifyRequest): {
  name: string
  attributes: Attributes
} {
  const { method, protocol, raw } = request
  const route = routeOf(request)
  return {
    name: route === undefined ? method : `${method} ${route}`,
    attributes: {
      'http.request.method': method,
      'url.scheme': protocol === 'https' ? 'https' : 'http',
      'network.protocol.version': raw.httpVersion,
      ...(route !== undefined && { 'http.route': route }),
      ...(route !== undefined && !hasParameters(route) && { 'url.path': route }),
    },
  }
}

/** Ends the span of a request, whose response has been sent unless the client disconnected. */
function endSpan(span: Span, { statusCode, writableFinished }: ServerResponse<IncomingMessage>): void {
  if (!writableFinished) span.setAttribute('error.type', 'client_disconnected')
  else span.setAttribute('http.response.status_code', statusCode)
  if (writableFinished && statusCode >= 500) {
    span.setAttribute('error.type', String(statusCode))
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end()
}
