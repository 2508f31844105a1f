import type { ClientError } from '../errors/client-error.js'

/** Scope and resource of a token. */
export interface TokenTarget {
  /** Requested scope-tokens, in order and separated by spaces; empty for the server's default. */
  scope: string
  /** Requested resource (RFC 8707); null for the server's choice. */
  resource: string | null
}

/** What happened in a client, for metrics and traces. Durations are in milliseconds. */
export type ClientEvent =
  | ({ type: 'token_obtained'; expiresInMs: number; durationMs: number } & TokenTarget)
  | ({
      type: 'token_failed'
      error: ClientError
      durationMs: number
      /** Time in which no such token is asked for again. */
      retryInMs: number
    } & TokenTarget)
  /** A service refused a token, which is used no more. */
  | ({ type: 'token_discarded' } & TokenTarget)
  /** A request is sent again with another token. */
  | { type: 'request_retried'; origin: string }
  /** The server refused a secret, a key or an assertion of the client. The next secret is tried if there is one. */
  | { type: 'credentials_refused' }
  | { type: 'document_fetched'; document: 'metadata'; url: string; durationMs: number }
  | { type: 'document_failed'; document: 'metadata'; url: string; error: ClientError; durationMs: number }
  | { type: 'refresh_token_rotated' }
  /** The user must log in again. */
  | { type: 'session_ended'; error: ClientError }

/** Reports an event. It never throws. */
export type Emit = (event: ClientEvent) => void

/** Returns a function that reports events to a hook. A hook that throws or rejects changes nothing. */
export function createEmit(onEvent: ((event: ClientEvent) => unknown) | undefined): Emit {
  async function report(event: ClientEvent): Promise<void> {
    try {
      await onEvent?.(event)
    } catch {
      // The hook's fault is the hook's to report.
    }
  }
  return (event) => void report(event)
}
