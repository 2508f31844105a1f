import { startReceiver } from './server.js'
import { countSpans } from './spans.js'

/** Starts a collector of OpenTelemetry (OTLP over HTTP), which counts spans. */
export async function startCollector() {
  const received = { exports: 0, spans: 0 }
  const host = await startReceiver((body) => {
    received.exports += 1
    received.spans += countSpans(body)
    return 200
  })
  return { url: `http://${host}`, received }
}
