import type { LookupAddress } from 'node:dns'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'

/** Maximum size of a response body (bytes). */
const maxBytes = 65_536

/** Addresses, certificate authorities and time limit of a request. */
interface Route {
  /** Addresses to connect to: the name of the host is not resolved again. */
  addresses: LookupAddress[]
  ca: string | null
  signal: AbortSignal
}

/**
 * Returns the body of a successful response to GET. Each request has a connection of its own, whose certificate must be
 * that of the host's name.
 *
 * @throws Error for any other response, redirects included, and for a body that is too large
 */
export async function get(url: URL, { addresses, ca, signal }: Route): Promise<string> {
  const agent = new Agent({
    autoSelectFamily: true,
    lookup: (_hostname, _options, callback) => callback(null, addresses),
    ...(ca !== null && { ca }),
  })
  const headers = { accept: 'application/json', 'user-agent': 'latchkey' }
  const sent = request(url, { agent, headers, signal }).end()
  const response = await responseTo(sent)
  try {
    if (response.statusCode !== 200) throw new Error(`the response has the status ${response.statusCode}`)
    return await readBody(response)
  } finally {
    sent.destroy()
  }
}

/** Returns the response to a request. One that upgrades the connection to another protocol is refused. */
function responseTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve)
    sent.once('error', reject)
    sent.once('upgrade', (_response, socket) => {
      socket.destroy()
      reject(new Error('the response has the status 101'))
    })
  })
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`the response is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
