import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'

/** A unit of work that a trace shows. It must not contain anything about a user, a secret or a value. */
export interface SpanDescription {
  /** Name of the kind of work, of which there is a limited number. */
  name: string
  kind?: 'client' | 'internal'
  /** Attributes with the names of OpenTelemetry's semantic conventions, if these have one. */
  attributes?: Attributes
}

const kinds = { client: SpanKind.CLIENT, internal: SpanKind.INTERNAL }

/** Matches the codes that errors of Node.js, PostgreSQL and of this service have. */
const errorCode = /^\w{1,40}$/

/** Whether spans are recorded. OpenTelemetry's API, which is global too, would take 0.3 µs to find that out, several times per request. */
let isOn = false

/** Turns the recording of spans on or off, in the whole process. */
export function switchTracing(on: boolean): void {
  isOn = on
}

/** Returns the active span, which is the parent of the caller's work, or undefined if that is not traced. */
export function activeSpan(): Span | undefined {
  const span = isOn ? trace.getActiveSpan() : undefined
  return span?.isRecording() ? span : undefined
}

/**
 * Runs a task in a child of the active span. Without an active span, as outside of requests and where tracing is off, it only
 * runs the task.
 *
 * @param describe is called only if there is a span
 */
export function traced<T>(describe: () => SpanDescription, task: () => T): T {
  if (!activeSpan()) return task()
  return runIn(startSpan(describe(), context.active()), task)
}

/**
 * Runs a task on behalf of several spans: in a child of the first of them. The others and this child link to each other, so that
 * each of their traces leads to the work. Without spans, it only runs the task.
 *
 * @param describe is called only if there is a span
 */
export function tracedFor<T>(spans: readonly Span[], describe: () => SpanDescription, task: () => T): T {
  const [first, ...others] = spans
  if (!first) return task()
  const span = startSpan(describe(), trace.setSpan(ROOT_CONTEXT, first))
  for (const other of others) {
    span.addLink({ context: other.spanContext() })
    other.addLink({ context: span.spanContext() })
  }
  return runIn(span, task)
}

/** Adds attributes to the active span, if there is one. */
export function annotate(attributes: Attributes): void {
  activeSpan()?.setAttributes(attributes)
}

/**
 * Returns the header that continues the trace in another service (W3C Trace Context). `tracestate` is left out: it comes from the
 * caller, and is for the systems that the caller trusts.
 */
export function traceHeaders(): { traceparent?: string } {
  const headers: { traceparent?: string; tracestate?: string } = {}
  propagation.inject(context.active(), headers)
  delete headers.tracestate
  return headers
}

/** Runs a task outside of any span: what it starts may outlast the request, or serve others too. */
export function detached<T>(task: () => T): T {
  return context.with(ROOT_CONTEXT, task)
}

/**
 * Returns a function that runs a task later, in a child of the span that is active now. The child begins now, so it includes the
 * wait. Without an active span, it only runs the task.
 *
 * @param describe is called only if there is a span
 */
export function tracedLater<T>(describe: () => SpanDescription, task: () => T): () => T {
  if (!activeSpan()) return context.bind(context.active(), task)
  const span = startSpan(describe(), context.active())
  return () => runIn(span, task)
}

/** @param parent context whose span is the parent */
function startSpan({ name, kind = 'internal', attributes = {} }: SpanDescription, parent: Context): Span {
  return tracer().startSpan(name, { kind: kinds[kind], attributes }, parent)
}

/** Returns the tracer of this service (OpenTelemetry's instrumentation scope `latchkey`). */
export function tracer() {
  return trace.getTracer('latchkey')
}

/** Runs a task in a span, which ends when the task has returned, or its promise is settled. */
function runIn<T>(span: Span, task: () => T): T {
  try {
    const result = context.with(trace.setSpan(ROOT_CONTEXT, span), task)
    if (result instanceof Promise)
      result.then(
        () => span.end(),
        (error) => endWithError(span, error),
      )
    else span.end()
    return result
  } catch (error) {
    endWithError(span, error)
    throw error
  }
}

/** Ends a span with the code of an error, or the name of its class. Its message may contain values. */
function endWithError(span: Span, error: unknown): void {
  const { code, name } = error as { code?: unknown; name?: unknown }
  span.setStatus({ code: SpanStatusCode.ERROR })
  span.setAttribute('error.type', typeof code === 'string' && errorCode.test(code) ? code : String(name))
  span.end()
}
