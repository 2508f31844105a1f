import type { CacheLoad, InvalidatingCache } from '../database/changes/cache.js'
import type { Database } from '../database/client.js'
import type { CurrentUser } from '../users/store/profile.js'
import type { Issuer, VerifiedToken } from './access-token.js'
import { type Effective, effective } from './effective.js'
import { isForResource } from './resources/audience.js'
import { type Client, findClient } from './store/clients.js'
import { findSubject } from './store/subjects.js'

/** The user that a token speaks for, and what the token permits now. */
export interface Standing extends Effective {
  /** Null when the subject is a client, or no longer exists. */
  user: CurrentUser | null
}

/** Cache and database that clients are loaded from. */
export interface ClientSource {
  database: Database
  /** Clients by their ids. */
  clients: InvalidatingCache<string, Client | null>
}

/** Cache and database that the standings of tokens are loaded from. */
export interface StandingSource {
  database: Database
  /** Standings by verified token. */
  standings: InvalidatingCache<VerifiedToken, Standing>
}

/** Returns the client with this id, from the cache while it is current, or null. */
export function loadClient(clientId: string, { clients, database }: ClientSource): Promise<Client | null> {
  return clients.get(clientId, async function readClient() {
    const client = await findClient(clientId, database)
    return { value: client, tags: client && [`client:${clientId}`] }
  })
}

/**
 * Returns what a token permits now at a resource: nothing unless that is its audience (RFC 9068 §4). Guards and `/verify`
 * decide with it.
 *
 * @param resource identifier of the resource; null for this service
 */
export async function loadStandingAt(
  resource: string | null,
  access: VerifiedToken,
  source: StandingSource & { issuer: Issuer | null },
): Promise<Standing> {
  return isForResource(access, resource, source.issuer) ? loadStanding(access, source) : foreign
}

/** Standing of a token for another audience. */
const foreign: Standing = { active: false, scope: [], reason: 'invalid_token', user: null }

/** Returns what a token permits now at its audience, from the cache while it is current. */
export function loadStanding(access: VerifiedToken, source: StandingSource): Promise<Standing> {
  return source.standings.get(access, () => readStanding(access, source.database))
}

/** Reads from the database what a token permits now. Only the standing of an active token may be cached. */
export async function readStanding(access: VerifiedToken, database: Database): Promise<CacheLoad<Standing>> {
  const subject = await findSubject(access, database)
  const value: Standing = { ...effective(access, subject), user: subject?.user ?? null }
  return { value, tags: subject && value.active ? subject.tags : null }
}
