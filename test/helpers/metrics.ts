import type { FastifyInstance } from 'fastify'
import { exposeMetrics } from '../../src/metrics/index.js'

/** Returns every sample of a text in one of the exposition formats: its value, by name and labels. */
export function readSamples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(line.replace(/^.* /, ''))]))
}

/** Returns a function for how much samples have risen since the call. A sample that is new has risen from 0. */
export function watchMetrics(app: FastifyInstance): (sample: string) => number {
  const read = () => readSamples(exposeMetrics(app.metrics, 'text'))
  const before = read()
  return (sample) => (read().get(sample) ?? 0) - (before.get(sample) ?? 0)
}
