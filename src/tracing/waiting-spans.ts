import type { Span } from '@opentelemetry/api'
import { activeSpan, type SpanDescription, tracedFor } from './span.js'

/** The spans that wait for work that is done for several of them at once, such as a combined statement. */
export interface WaitingSpans<Work> {
  /** Adds the active span, if there is one, to those that wait for some work. It is kept until the work is run. */
  add(work: Work): void
  /** Runs a task that does the work, on behalf of all spans that wait for it. */
  run<T>(work: readonly Work[], describe: () => SpanDescription, task: () => T): T
}

/** Creates an empty list of waiting spans. @param keyOf returns equal keys for equal work */
export function createWaitingSpans<Work>(keyOf: (work: Work) => string): WaitingSpans<Work> {
  const waiting = new Map<string, Span[]>()

  function take(work: Work): Span[] {
    const key = keyOf(work)
    const spans = waiting.get(key) ?? []
    waiting.delete(key)
    return spans
  }

  return {
    add(work) {
      const span = activeSpan()
      if (!span) return
      const key = keyOf(work)
      waiting.set(key, [...(waiting.get(key) ?? []), span])
    },
    run: (work, describe, task) => tracedFor(waiting.size > 0 ? work.flatMap(take) : [], describe, task),
  }
}
