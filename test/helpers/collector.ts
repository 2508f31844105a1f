import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { type ReceivedSpan, readTraces } from './otlp.js'

/** A collector of OpenTelemetry (OTLP/HTTP), which keeps what it receives. */
export interface Collector {
  url: string
  spans: ReceivedSpan[]
  /** Attributes of the process in the last export. */
  resource: Record<string, unknown>
  /** Bodies of all exports. */
  bodies: Buffer[]
  /** Headers of the last export. */
  headers: IncomingHttpHeaders
  /** Status of the next responses; null for none at all. */
  status: number | null
}

/** Starts a collector on a free port. It ends with the test. */
export async function startCollector(t: Test): Promise<Collector> {
  const server = createServer(async function receive(request, response) {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    collector.bodies.push(body)
    collector.headers = request.headers
    if (collector.status === null) return
    if (collector.status === 200) {
      const { spans, resource } = readTraces(body, String(request.headers['content-type']))
      collector.spans.push(...spans)
      collector.resource = resource
    }
    response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}')
  })
  const collector: Collector = { url: '', spans: [], resource: {}, bodies: [], headers: {}, status: 200 }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return collector
}
