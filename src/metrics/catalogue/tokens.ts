import { counter, durations, gauge } from '../definition.js'

/** Grants of token requests; `_OTHER` stands for an unknown one. */
export const tokenGrants = ['password', 'refresh_token', 'client_credentials', '_OTHER'] as const

/**
 * Outcomes of token requests: `ok`, the error of RFC 6749 §5.2, or `throttled` (429). `unavailable` (503), `error` (500) and
 * `aborted` (see src/http/request-end.ts) are not the fault of the caller.
 */
export const tokenOutcomes = [
  'ok',
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'throttled',
  'unavailable',
  'error',
  'aborted',
] as const

/** Outcomes of logins. `refused` stands for every other error of the caller. */
export const loginOutcomes = [
  'ok',
  'wrong_password',
  'throttled',
  'refused',
  'unavailable',
  'error',
  'aborted',
] as const

/** Outcomes of refreshes, by what the presented token turned out to be. */
const refreshOutcomes = ['rotated', 'replayed', 'reused', 'expired', 'unknown', 'foreign'] as const

/** Places where access tokens are checked. */
export const checkPlaces = ['route', 'verify', 'introspection'] as const

/** Results of checks of access tokens. */
export const checkResults = [
  'ok',
  'missing',
  'invalid',
  'inactive_user',
  'insufficient_scope',
  'password_change_required',
] as const

/** States of keys that are not retired. */
export const keyStates = ['published', 'signing', 'verifying'] as const

/** Caches of the process. */
const caches = ['clients', 'resources', 'standings', 'verified_tokens'] as const

export type CacheName = (typeof caches)[number]

/** Upper bounds of the buckets for signing, which takes from some µs to some ms (seconds). */
const signingBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25]

export const tokenMetrics = {
  tokenRequests: counter('latchkey_token_requests', 'Requests to the token endpoint.', {
    labels: { grant: tokenGrants, outcome: tokenOutcomes },
  }),
  clientTokenRequests: counter(
    'latchkey_client_token_requests',
    'Requests to the token endpoint by client, if METRICS_CLIENTS is set.',
    {
      labels: {
        client_id: 'the ids of the first METRICS_CLIENTS clients that authenticated; `_OTHER` for all others',
        outcome: tokenOutcomes,
      },
    },
  ),
  logins: counter(
    'latchkey_logins',
    'Logins with a password at the token endpoint. `ok` includes the login without a `grant_type` of a disabled user, whose token permits nothing; audit events have it as failed.',
    { labels: { outcome: loginOutcomes } },
  ),
  refreshes: counter(
    'latchkey_refreshes',
    'Presented refresh tokens: `replayed` is within the grace period, `reused` revoked the login, `expired` includes revoked logins.',
    { labels: { outcome: refreshOutcomes } },
  ),
  tokenChecks: counter(
    'latchkey_access_token_checks',
    'Checks of access tokens: by routes, by /verify for a proxy, and by introspection.',
    { labels: { place: checkPlaces, result: checkResults } },
  ),
  signing: durations('latchkey_signing_duration_seconds', 'Duration of signing a token.', signingBuckets),
  keys: gauge('latchkey_keys', 'Signing keys by state. None where a shared secret signs.', {
    labels: { state: keyStates },
  }),
  nextKey: gauge(
    'latchkey_key_next_signs_seconds',
    'Seconds until the next key signs, or until it should although it is not published yet. Negative: the rotation is late.',
    { unit: 'seconds' },
  ),
  sealedKeys: gauge(
    'latchkey_keys_sealed',
    'Keys in use that this process cannot decrypt with its secrets, so that it only verifies with them.',
  ),
  keysAge: gauge('latchkey_keys_read_age_seconds', 'Time since the keys were read from the database.', {
    unit: 'seconds',
  }),
  cacheRequests: counter('latchkey_cache_requests', 'Look-ups in the caches of the process.', {
    labels: { cache: caches, result: ['hit', 'miss'] },
  }),
  cacheEntries: gauge('latchkey_cache_entries', 'Entries in the caches of the process.', {
    labels: { cache: caches },
  }),
  statusEntries: counter('latchkey_status_entries', 'Status list entries that were given to access tokens.'),
  statusBlocks: counter('latchkey_status_blocks', 'Blocks of status list entries that were leased.'),
  statusBuilds: counter('latchkey_status_list_builds', 'Status lists that were built and signed.'),
  loadedStatusLists: gauge('latchkey_status_lists_loaded', 'Status lists in memory.'),
}
