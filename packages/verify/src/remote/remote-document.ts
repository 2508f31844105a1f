import { DocumentError, type DocumentName } from '../errors/document-error.js'
import { abortable } from '../runtime/abortable.js'
import { type Clock, elapsedSince, type Moment, moment } from '../runtime/clock.js'
import type { Emit } from '../runtime/events.js'
import { isWorkers } from '../runtime/workers.js'
import { type Cooldown, type Failure, nextFailure } from './cooldown.js'
import type { Lifetime } from './lifetime.js'

/** A document as it was fetched. */
export interface Loaded<T> {
  value: T
  url: string
  /** `ETag` of the response; null without one. */
  etag: string | null
  lifetime: Lifetime
}

/** A document of the issuer, of which a copy is kept. */
export interface RemoteDocument<T> {
  /**
   * Returns the document, from the copy if that may be used.
   *
   * @throws DocumentError if there is no such copy, and the document cannot be fetched
   * @throws the reason of the signal
   */
  get(signal?: AbortSignal): Promise<T>
  /**
   * Fetches and returns the document, for a caller that did not find what it needs in the copy.
   *
   * @throws DocumentError if it cannot be fetched
   * @throws the reason of the signal
   */
  renew(signal?: AbortSignal): Promise<T>
}

/** Description of a document, and how it is fetched. */
export interface RemoteDocumentOptions<T> {
  document: DocumentName
  /** URL of the document, or of the one that names it. */
  url: string
  /** Fetches the document, given the copy that is kept. @throws DocumentError */
  load(copy: Loaded<T> | null): Promise<Loaded<T>>
  /** Maximum duration of `load` (milliseconds). */
  timeoutMs: number
  clock: Clock
  emit: Emit
  cooldown: Cooldown
}

/** A copy, with the time at which its request was sent. */
type Copy<T> = Loaded<T> & { requestedAt: Moment }

/**
 * Creates a document without a copy. It is fetched only when it is asked for, so that no timer runs. There is one fetch at a
 * time, and none within the cooldown after a failure.
 *
 * | age of the copy | normally | while the server is known to fail |
 * | --- | --- | --- |
 * | up to `refreshMs` | copy | copy |
 * | up to `freshMs` | copy, and a fetch in the background | copy, and a fetch in the background |
 * | up to `usableMs` | fetch, or the copy if that fails | copy, and a fetch in the background |
 * | more, or no copy | fetch | fetch, or the error within the cooldown |
 *
 * The server is known to fail from a failed fetch until `timeoutMs` after its cooldown: a fetch that began when the cooldown ended is over
 * by then. Later its state is unknown, as there may have been no fetch.
 */
export function createRemoteDocument<T>(options: RemoteDocumentOptions<T>): RemoteDocument<T> {
  const { document, load, timeoutMs, clock, emit, cooldown } = options
  const canJoin = !isWorkers()
  let copy: Copy<T> | null = null
  let failure: Failure | null = null
  let flight: Promise<Copy<T> | DocumentError> | null = null

  async function get(signal?: AbortSignal): Promise<T> {
    const current = copyWithin('refreshMs')
    if (current) return current.value
    const usable = copyWithin(isFailing(timeoutMs) ? 'usableMs' : 'freshMs')
    if (usable) {
      void fetchUnlessCooling(true)
      return usable.value
    }
    const outcome = await abortable(fetchUnlessCooling(canJoin), signal)
    return unwrap(outcome instanceof DocumentError ? (copyWithin('usableMs') ?? outcome) : outcome)
  }

  async function renew(signal?: AbortSignal): Promise<T> {
    return unwrap(await abortable(fetchUnlessCooling(canJoin), signal))
  }

  /** Returns the copy if it is younger than this age of its lifetime. */
  function copyWithin(age: keyof Lifetime): Copy<T> | null {
    return copy && elapsedSince(copy.requestedAt, clock) < copy.lifetime[age] ? copy : null
  }

  /** Returns whether the last fetch failed, and its cooldown lasts or ended less than `agoMs` ago. */
  function isFailing(agoMs: number): boolean {
    return failure !== null && elapsedSince(failure.at, clock) < failure.cooldownMs + agoMs
  }

  /** Returns the outcome of a fetch, which is never rejected. */
  function fetchUnlessCooling(join: boolean): Promise<Copy<T> | DocumentError> {
    if (failure && isFailing(0)) return Promise.resolve(failure.error)
    if (join && flight) return flight
    flight = fetchNow().finally(() => {
      flight = null
    })
    return flight
  }

  async function fetchNow(): Promise<Copy<T> | DocumentError> {
    const requestedAt = moment(clock)
    const durationMs = () => clock.monotonic() - requestedAt.monotonic
    const previous = copy
    try {
      copy = { ...(await load(previous)), requestedAt }
      failure = null
      const changed = copy.value !== previous?.value
      emit({ type: 'document_fetched', document, url: copy.url, changed, durationMs: durationMs() })
      return copy
    } catch (cause) {
      const error = toDocumentError(cause, options)
      failure = nextFailure(error, failure, cooldown, clock)
      const retryInMs = failure.cooldownMs
      emit({ type: 'document_failed', document, url: error.url, error, durationMs: durationMs(), retryInMs })
      return error
    }
  }

  return { get, renew }
}

function unwrap<T>(outcome: Copy<T> | DocumentError): T {
  if (outcome instanceof DocumentError) throw outcome
  return outcome.value
}

/** Returns an error as what it is to requests, which must not take a fault for an answer about their token. */
function toDocumentError(
  cause: unknown,
  { document, url }: { document: DocumentName; url: string },
): DocumentError {
  if (cause instanceof DocumentError) return cause
  return new DocumentError({ document, url }, 'unexpected', 'failed in an unexpected way', { cause })
}
