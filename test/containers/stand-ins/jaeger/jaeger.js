import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'

// Accepts spans by OTLP/HTTP, and says whether one of a trace has arrived, as GET /api/traces/ID of Jaeger does.

/** @type {Buffer[]} */
const exports = []

createServer(async (request, response) => {
  if (request.method !== 'POST' || request.url !== '/v1/traces') return response.writeHead(404).end()
  exports.push(await buffer(request))
  response.writeHead(200, { 'content-type': String(request.headers['content-type']) }).end()
}).listen(4318)

createServer((request, response) => {
  const [, traceID = ''] = /^\/api\/traces\/([\da-f]{32})$/.exec(String(request.url)) ?? []
  const isIn = (/** @type {Buffer} */ spans) =>
    spans.includes(Buffer.from(traceID, 'hex')) || spans.includes(traceID)
  const data = traceID && exports.some(isIn) ? [{ traceID }] : []
  response
    .writeHead(data.length > 0 ? 200 : 404, { 'content-type': 'application/json' })
    .end(JSON.stringify({ data }))
}).listen(16686)
