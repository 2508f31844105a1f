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
import { onRequestEnd } from './request-end.js'
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
    onRequestEnd(raw, (isAborted) => endSpan(span, isAborted ? null : raw.statusCode))
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

/** @param status null for a request that was aborted */
function endSpan(span: Span, status: number | null): void {
  if (status === null) span.setAttribute('error.type', 'client_disconnected')
  else describeStatus(span, status)
  span.end()
}

function describeStatus(span: Span, status: number): void {
  span.setAttribute('http.response.status_code', status)
  if (status < 500) return
  span.setAttribute('error.type', String(status))
  span.setStatus({ code: SpanStatusCode.ERROR })
}
