import type { ClientEvent, ClientOptions, Fetch } from '../../src/index.js'
import { type ManualClock, manualClock } from './manual-clock.js'

export const issuer = 'https://login.example.com'
export const tokenUrl = `${issuer}/token`
export const metadataUrl = `${issuer}/.well-known/oauth-authorization-server`
export const service = 'https://orders.example.com/orders'

/** A request that arrived. */
interface Received {
  url: string
  init: RequestInit
  headers: Headers
  form: URLSearchParams
}

/** Answers a request. */
export type Answer = (request: Received) => Response | Promise<Response>

/** An issuer and services in the test's process. */
export interface FakeServer {
  clock: ManualClock
  events: ClientEvent[]
  requests: Received[]
  /** What answers, by URL. */
  answers: Map<string, Answer>
  /** Options of a client of the server. */
  options: ClientOptions & { fetch: Fetch }
  /** Returns the requests to an URL. */
  requestsTo(url: string): Received[]
}

/** The metadata of the server. */
export const metadata = { issuer, token_endpoint: tokenUrl, revocation_endpoint: `${issuer}/revoke` }

/** Starts a server that issues the tokens t1, t2, … for 1,000 s, and a service that answers with the token. */
export function fakeServer(): FakeServer {
  const clock = manualClock()
  const events: ClientEvent[] = []
  const requests: Received[] = []
  let count = 0
  const answers = new Map<string, Answer>([
    [metadataUrl, () => Response.json(metadata)],
    [tokenUrl, () => issue(`t${++count}`)],
    [`${issuer}/revoke`, () => Response.json({})],
    [service, ({ headers }) => new Response(headers.get('authorization'))],
  ])
  async function fetch(url: string, init: RequestInit): Promise<Response> {
    const form = init.body instanceof URLSearchParams ? init.body : new URLSearchParams()
    const received = { url, init, headers: new Headers(init.headers), form }
    requests.push(received)
    const answer = answers.get(url)
    return answer ? answer(received) : new Response('Not found', { status: 404 })
  }
  return {
    clock,
    events,
    requests,
    answers,
    options: {
      issuer,
      clientId: 'reports',
      clientSecret: 'secret',
      clock,
      fetch,
      random: () => 0.5,
      onEvent: (event) => events.push(event),
    },
    requestsTo: (url) => requests.filter((request) => request.url === url),
  }
}

/** Returns a response with a token. */
export function issue(accessToken: string, more: object = {}): Response {
  return Response.json({ access_token: accessToken, token_type: 'Bearer', expires_in: 1000, ...more })
}

/** Returns an error of a token endpoint. */
export function refuse(error: string, status = 400): Response {
  return Response.json({ error, error_description: `About ${error}` }, { status })
}

/** Returns the refusal of a token by a service. */
export function unauthorized(challenge?: string): Response {
  return new Response('', { status: 401, ...(challenge && { headers: { 'www-authenticate': challenge } }) })
}

/** Waits until what was begun in the background has ended; all of it is done in microtasks and streams of memory. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
