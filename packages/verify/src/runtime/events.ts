import type { DocumentError, DocumentName } from '../errors/document-error.js'
import type { VerificationError } from '../errors/verification-error.js'

/** Event of a verifier, for metrics and traces. Durations are in milliseconds. */
export type VerifierEvent =
  | { type: 'token_accepted'; clientId: string; durationMs: number }
  | { type: 'token_refused'; error: VerificationError; durationMs: number }
  | { type: 'document_fetched'; document: DocumentName; url: string; changed: boolean; durationMs: number }
  | {
      type: 'document_failed'
      document: DocumentName
      url: string
      error: DocumentError
      durationMs: number
      /** Time in which the document is not fetched again. */
      retryInMs: number
    }

/** Reports an event. It never throws. */
export type Emit = (event: VerifierEvent) => void

/** Returns a function that reports events to a hook. A hook that throws or rejects changes nothing. */
export function createEmit(onEvent: ((event: VerifierEvent) => unknown) | undefined): Emit {
  async function report(event: VerifierEvent): Promise<void> {
    try {
      await onEvent?.(event)
    } catch {
      // The hook's fault is the hook's to report.
    }
  }
  return (event) => void report(event)
}
