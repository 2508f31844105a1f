import { once } from 'node:events'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { atEnd } from '../lib/cleanup.js'

/**
 * Starts a local HTTP server, which answers with the status that a function returns for a body.
 *
 * @param {(body: Buffer, headers: import('node:http').IncomingHttpHeaders) => number} receive
 * @returns its host, with the port
 */
export async function startReceiver(receive) {
  const server = createServer(async (request, response) => {
    const status = await buffer(request).then(
      (body) => receive(body, request.headers),
      () => 400,
    )
    response.writeHead(status, { 'content-type': 'application/json' }).end(status === 204 ? undefined : '{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return `127.0.0.1:${port}`
}
