import type { Test } from 'tap'
import {
  type DocumentName,
  type TokenVerifier,
  tokenVerifier,
  type VerifierEvent,
  type VerifierOptions,
} from '../../src/index.js'
import {
  type TestIssuer,
  type TestIssuerOptions,
  type TestTokenOptions,
  testIssuer,
} from '../../src/testing.js'

/** Time at which the clock of every test stands (milliseconds since 1970). */
export const now = Date.UTC(2030, 0, 1)

/** URLs of the documents of the test issuer. */
export const urls = {
  metadata: 'https://latchkey.test/.well-known/oauth-authorization-server',
  jwks: 'https://latchkey.test/.well-known/jwks.json',
  list: 'https://latchkey.test/status-lists/test',
}

/** A verifier, its issuer, and what happens in it. */
export interface Setting {
  issuer: TestIssuer
  verify: TokenVerifier
  events: VerifierEvent[]
  /** Returns an `Authorization` header with a new token. */
  bearer(options?: TestTokenOptions): Promise<string>
  /** Answers the requests for a URL, or lets the issuer do it again. */
  answer(url: string, respond: Respond | null): void
  /** Returns the next event about a document. */
  next(type: DocumentEvent['type'], document: DocumentName): Promise<DocumentEvent>
  /** Returns the number of requests for a URL. */
  count(url: string): number
}

/** An event about a document. */
type DocumentEvent = Extract<VerifierEvent, { document: DocumentName }>

/** Answers a request. */
export type Respond = (request: Request) => Response | Promise<Response>

/** Creates a verifier of an issuer in this process. */
export async function start(
  options: Partial<VerifierOptions> = {},
  issuerOptions: TestIssuerOptions = {},
): Promise<Setting> {
  const issuer = await testIssuer({ now, ...issuerOptions })
  const events: VerifierEvent[] = []
  const waiting: { type: string; document: string; resolve: (event: DocumentEvent) => void }[] = []
  const answers = new Map<string, Respond>()

  function onEvent(event: VerifierEvent): void {
    events.push(event)
    if (!('document' in event)) return
    const index = waiting.findIndex(
      ({ type, document }) => type === event.type && document === event.document,
    )
    if (index >= 0) waiting.splice(index, 1)[0]?.resolve(event)
  }

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    const respond = answers.get(url)
    const response = await issuer.fetch(url, init)
    return respond ? respond(new Request(url, init)) : response
  }

  return {
    issuer,
    events,
    verify: tokenVerifier({ ...issuer.settings, fetch, onEvent, ...options }),
    bearer: async (wanted) => `Bearer ${await issuer.token(wanted)}`,
    answer(url, respond) {
      if (respond) answers.set(url, respond)
      else answers.delete(url)
    },
    next: (type, document) => new Promise((resolve) => waiting.push({ type, document, resolve })),
    count: (url) => issuer.requests.filter((requested) => requested === url).length,
  }
}

/** The timeouts of fetches. */
export interface Timeouts {
  /** Durations for which they were asked (milliseconds). */
  durations: number[]
  /** Ends all of them. */
  expire(): void
}

/** Lets timeouts end when the test says so, instead of by the real clock. As in Node.js, they must be integers. */
export function controlTimeouts(t: Test): Timeouts {
  const controllers: AbortController[] = []
  const durations: number[] = []
  function timeout(ms: number): AbortSignal {
    if (!Number.isInteger(ms)) throw new RangeError(`${ms} is no integer`)
    const controller = new AbortController()
    controllers.push(controller)
    durations.push(ms)
    return controller.signal
  }
  t.intercept(AbortSignal, 'timeout', { value: timeout, configurable: true })
  return {
    durations,
    expire() {
      for (const controller of controllers) controller.abort(new DOMException('timed out', 'TimeoutError'))
    },
  }
}

/** Returns a promise, and the function that fulfils it. */
export function createSignal(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}

/** Returns an answer that never comes, and a promise that is fulfilled once it was asked for. */
export function createSilence(): { respond: Respond; asked: Promise<void> } {
  const { promise: asked, resolve } = createSignal()
  function respond(): Promise<Response> {
    resolve()
    return new Promise(() => {})
  }
  return { respond, asked }
}
