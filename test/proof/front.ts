import { once } from 'node:events'
import { Agent, createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'

/** What lies between the services and Latchkey. */
export interface Front {
  origin: string
  /** Servers that requests are forwarded to, in turn. */
  leadTo(origins: string[]): void
  /** Puts it in a state. */
  be(state: FrontState): void
  /** Longest time until Latchkey began to answer a request (milliseconds). */
  readonly longestDelayMs: number
}

/**
 * State of the network, and of the proxy:
 *
 * - `open`: requests reach Latchkey
 * - `cut`: connections break, and new ones are closed
 * - `silent`: no request is answered
 * - `html`: a page is the answer, with status 200
 * - `unavailable`: a page is the answer, with status 502
 */
export type FrontState = 'open' | 'cut' | 'silent' | 'html' | 'unavailable'

/** Starts a reverse proxy, which ends with the test. */
export async function startFront(t: Test): Promise<Front> {
  let state: FrontState = 'open'
  let targets: string[] = []
  let turn = 0
  let longestDelayMs = 0
  const sockets = new Set<Socket>()
  const agent = new Agent({ keepAlive: true })

  const server = createServer((request, response) => {
    if (state === 'silent') return
    if (state !== 'open') return answerWithPage(response, state === 'html' ? 200 : 502)
    turn += 1
    const receivedAt = performance.now()
    pass(request, response, new URL(request.url ?? '/', targets[turn % targets.length]), agent, () => {
      longestDelayMs = Math.max(longestDelayMs, performance.now() - receivedAt)
    })
  })
  server.on('connection', (socket) => {
    if (state === 'cut') return socket.destroy()
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  function breakConnections(): void {
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(() => {
    server.close()
    breakConnections()
    agent.destroy()
  })

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(origins) {
      targets = origins
    },
    get longestDelayMs() {
      return longestDelayMs
    },
    be(next) {
      state = next
      if (state === 'cut') breakConnections()
    },
  }
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  agent: Agent,
  onAnswer: () => void,
): void {
  const { method, headers } = request
  const forwarded = forward(url, { method, headers, agent }, (answer) => {
    onAnswer()
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  forwarded.on('error', () => (response.headersSent ? response.destroy() : answerWithPage(response, 502)))
  request.pipe(forwarded)
}

function answerWithPage(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/html' }).end('<!doctype html><title>Proxy</title>')
}
