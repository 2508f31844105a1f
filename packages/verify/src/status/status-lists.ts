import { DocumentError } from '../errors/document-error.js'
import { VerificationError } from '../errors/verification-error.js'
import type { Fetch } from '../remote/fetch-document.js'
import { createLifetime, type Lifetime } from '../remote/lifetime.js'
import { loadDocument } from '../remote/load-document.js'
import { createRemoteDocument, type Loaded, type RemoteDocument } from '../remote/remote-document.js'
import type { Clock } from '../runtime/clock.js'
import type { Emit } from '../runtime/events.js'
import { type Algorithm, type FindKey, verifyJwt } from '../token/jws.js'
import type { StatusReference } from './claim.js'
import { keepRevocations, readStatusList, type StatusList, statusAt } from './status-list.js'

/** Settings of the status lists. */
export interface StatusListsOptions {
  /** Origins at which lists may be. */
  origins: readonly string[]
  algorithms: readonly Algorithm[]
  findKey: FindKey
  /** Age at which a list is no longer fresh (milliseconds). */
  statusPollMs: number
  /** What to do while a list that is no longer fresh cannot be fetched: `accept` uses it until its `exp`. */
  whenStale: 'accept' | 'refuse'
  maxStatusLists: number
  timeoutMs: number
  fetch: Fetch
  clock: Clock
  emit: Emit
}

/** The status lists of an issuer. */
export interface StatusLists {
  /**
   * Checks that the entry of a token is valid.
   *
   * @throws VerificationError `token_revoked`, `bad_status`, `status_unavailable`
   * @throws the reason of the signal
   */
  check(reference: StatusReference, signal?: AbortSignal): Promise<void>
}

/** Maximum size of a list as it is sent (bytes): one that cannot be compressed, in base64url twice, has 233,020. */
const maxBytes = 262_144
/** Time for which a list is used at least, whatever its `ttl` (milliseconds), if `statusPollMs` is not shorter. */
const minFreshMs = 1_000
/** Time for which a list is used at most, whatever its `exp` (milliseconds). */
const maxUsableMs = 3_600_000

/** Creates an empty collection. A list is fetched when a token names it, and again while tokens name it. */
export function createStatusLists(options: StatusListsOptions): StatusLists {
  const { origins, algorithms, findKey, statusPollMs: pollMs, whenStale, fetch, clock, emit } = options
  const profile = { type: 'statuslist+jwt', algorithms, maxLength: maxBytes, findKey }
  /** A third of the time is left to use the list that the background fetch returns. */
  const timeoutMs = Math.min(options.timeoutMs, (pollMs * 2) / 3)
  const cooldown = { minMs: pollMs / 3, maxMs: pollMs }
  const lists = new Map<string, RemoteDocument<StatusList | null>>()

  async function check({ uri, idx }: StatusReference, signal?: AbortSignal): Promise<void> {
    const list = await getList(uri, signal)
    const status = list ? statusAt(list, idx) : undefined
    if (status === undefined) throw new VerificationError('bad_status')
    if (status !== 0) throw new VerificationError('token_revoked')
  }

  async function getList(uri: string, signal: AbortSignal | undefined): Promise<StatusList | null> {
    try {
      return await documentOf(uri).get(signal)
    } catch (cause) {
      throw cause instanceof DocumentError ? new VerificationError('status_unavailable', { cause }) : cause
    }
  }

  /** Returns the document of a list, and forgets the list that was not used for the longest time if there are too many. */
  function documentOf(uri: string): RemoteDocument<StatusList | null> {
    const document = lists.get(uri) ?? createDocument(uri)
    lists.delete(uri)
    lists.set(uri, document)
    const [oldest] = lists.keys()
    if (lists.size > options.maxStatusLists) lists.delete(String(oldest))
    return document
  }

  function createDocument(uri: string): RemoteDocument<StatusList | null> {
    if (!URL.canParse(uri) || !origins.includes(new URL(uri).origin))
      throw new VerificationError('bad_status')
    return createRemoteDocument({
      document: 'status_list',
      load: (copy) => loadList(uri, copy),
      timeoutMs,
      clock,
      emit,
      cooldown,
    })
  }

  async function loadList(
    uri: string,
    copy: Loaded<StatusList | null> | null,
  ): Promise<Loaded<StatusList | null>> {
    const older = copy?.value ?? null
    const source = {
      document: 'status_list' as const,
      url: uri,
      accept: 'application/statuslist+jwt',
      maxBytes,
      timeoutMs,
      parse: async (text: string) => {
        const claims = await verifyJwt(text, profile)
        return keepRevocations(await readStatusList(claims, uri, clock.now()), older)
      },
      lifetimeOf,
    }
    // The server might say of an expired list that it has not changed.
    const isValid = older !== null && older.expiresAt > clock.now()
    try {
      return await loadDocument<StatusList>(source, isValid ? (copy as Loaded<StatusList>) : null, fetch)
    } catch (error) {
      if (!isRetired(error)) throw error
      return { value: null, url: uri, etag: null, lifetime: createLifetime(pollMs, pollMs) }
    }
  }

  function lifetimeOf({ ttlMs, expiresAt }: StatusList): Lifetime {
    const freshMs = Math.min(pollMs, Math.max(ttlMs, minFreshMs))
    const usableMs = whenStale === 'accept' ? Math.min(expiresAt - clock.now(), maxUsableMs) : freshMs
    return createLifetime(freshMs, usableMs)
  }

  return { check }
}

/** Returns whether a list no longer exists: its last token has expired. */
function isRetired(error: unknown): boolean {
  return error instanceof DocumentError && error.code === 'not_found'
}
