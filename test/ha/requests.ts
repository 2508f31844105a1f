import type { Service } from '../helpers/service.js'

/** What a request is for. */
export type Purpose = 'write' | 'read' | 'log in' | 'revoke' | 'use a revoked token'

/** A request and its response. */
export interface Exchange {
  purpose: Purpose
  /** Zero if there was no response. */
  status: number
  headers: Headers
  body: Record<string, unknown>
  /** When it began (`performance.now()`), and how long it took (milliseconds). */
  beganAt: number
  ms: number
}

/** Sends requests, and remembers them. */
export interface Client {
  exchanges: Exchange[]
  send(purpose: Purpose, service: Service, path: string, init?: RequestInit): Promise<Exchange>
}

/** Creates a client. */
export function createClient(): Client {
  const exchanges: Exchange[] = []
  return {
    exchanges,
    async send(purpose, { origin }, path, init = {}) {
      const beganAt = performance.now()
      const response = await receive(`${origin}${path}`, init)
      const exchange = { purpose, ...response, beganAt, ms: performance.now() - beganAt }
      exchanges.push(exchange)
      return exchange
    },
  }
}

async function receive(
  url: string,
  init: RequestInit,
): Promise<Pick<Exchange, 'status' | 'headers' | 'body'>> {
  try {
    const response = await fetch(url, init)
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : {} }
  } catch (error) {
    return { status: 0, headers: new Headers(), body: { error: String(error) } }
  }
}

/** Returns the header of a request by the bearer of a token. */
export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}
