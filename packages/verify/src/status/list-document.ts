import { DocumentError } from '../errors/document-error.js'
import type { Fetch } from '../remote/fetch-document.js'
import { createLifetime, type Lifetime } from '../remote/lifetime.js'
import { type DocumentSource, loadDocument } from '../remote/load-document.js'
import { createRemoteDocument, type Loaded, type RemoteDocument } from '../remote/remote-document.js'
import type { Clock } from '../runtime/clock.js'
import type { Emit } from '../runtime/events.js'
import { type Algorithm, type FindKey, verifyJwt } from '../token/jws.js'
import { keepRevocations, readStatusList, type StatusList } from './status-list.js'

/** Settings of a status list. */
export interface ListOptions {
  algorithms: readonly Algorithm[]
  findKey: FindKey
  /** Age at which a list is no longer fresh (milliseconds). */
  statusPollMs: number
  /** Policy while a list that is no longer fresh cannot be fetched: `accept` uses it until its `exp`. */
  whenStale: 'accept' | 'refuse'
  timeoutMs: number
  fetch: Fetch
  clock: Clock
  emit: Emit
}

/** A list, or null if it is retired: its last token has expired, and Latchkey answers that there is no such list. */
export type ListDocument = RemoteDocument<StatusList | null>

/** Maximum size of a list as it is sent (bytes). One that cannot be compressed has about 234,000, as base64url of base64url. */
const maxBytes = 262_144
/** Minimum time between two polls of a list, whatever its `ttl` (milliseconds). A shorter `statusPollMs` overrides it. */
const minFreshMs = 1_000
/** Maximum age of a list that is used, whatever its `exp` (milliseconds). */
const maxUsableMs = 3_600_000

/** Creates the document of a list, which is fetched while it is in use. */
export function createListDocument(uri: string, options: ListOptions): ListDocument {
  const { algorithms, findKey, statusPollMs: pollMs, whenStale, fetch, clock, emit } = options
  const profile = { type: 'statuslist+jwt', algorithms, maxLength: maxBytes, findKey }
  // A fetch that begins when two thirds of the time have passed must not hold requests up for long.
  const timeoutMs = Math.min(options.timeoutMs, Math.ceil((pollMs * 2) / 3))

  async function load(copy: Loaded<StatusList | null> | null): Promise<Loaded<StatusList | null>> {
    const older = copy?.value ?? null
    try {
      return await loadDocument(sourceOf(older), isValid(copy) ? copy : null, fetch)
    } catch (error) {
      if (!isRetired(error)) throw error
      return { value: null, url: uri, etag: null, lifetime: createLifetime(pollMs, pollMs) }
    }
  }

  function sourceOf(older: StatusList | null): DocumentSource<StatusList> {
    return {
      document: 'status_list',
      url: uri,
      accept: 'application/statuslist+jwt',
      maxBytes,
      timeoutMs,
      parse: async (text) => {
        const claims = await verifyJwt(text, profile)
        return keepRevocations(await readStatusList(claims, uri, clock.now()), older)
      },
      lifetimeOf,
    }
  }

  function lifetimeOf({ ttlMs, expiresAt }: StatusList): Lifetime {
    const freshMs = Math.min(pollMs, Math.max(ttlMs, minFreshMs))
    const usableMs = whenStale === 'accept' ? Math.min(expiresAt - clock.now(), maxUsableMs) : freshMs
    return createLifetime(freshMs, usableMs)
  }

  /** Returns whether a copy can be revalidated: the server might say of an expired list that it has not changed. */
  function isValid(copy: Loaded<StatusList | null> | null): copy is Loaded<StatusList> {
    return copy?.value != null && copy.value.expiresAt > clock.now()
  }

  const cooldown = { minMs: Math.ceil(pollMs / 3), maxMs: pollMs }
  return createRemoteDocument({ document: 'status_list', url: uri, load, timeoutMs, clock, emit, cooldown })
}

function isRetired(error: unknown): boolean {
  return error instanceof DocumentError && error.code === 'not_found'
}
