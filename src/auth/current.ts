import type { CacheLoad } from '../database/changes/cache.js'
import type { CurrentUser } from '../users/user-store.js'
import type { AuthContext } from './context.js'
import { type Effective, effective } from './effective.js'
import { type Client, findClient } from './store/clients.js'
import { findSubject } from './store/subjects.js'
import type { VerifiedToken } from './verify.js'

/** Whom a token speaks for, and what it may do now. */
export interface Standing extends Effective {
  /** Null when the subject is a client, or gone. */
  user: CurrentUser | null
}

/** The client of that id as it is now, from memory where that is known to be true still; or null. */
export function loadClient(clientId: string, { clients, database }: AuthContext): Promise<Client | null> {
  return clients.get(clientId, async function readClient() {
    const client = await findClient(clientId, database)
    return { value: client, tags: client && [`client:${clientId}`] }
  })
}

/** What a token may do now, from memory where that is known to be true still. */
export function loadStanding(access: VerifiedToken, context: AuthContext): Promise<Standing> {
  return context.standings.get(access, () => readStanding(access, context))
}

/** What a token may do now, from the database. What may be kept in memory is that it is good, never that it is not. */
export async function readStanding(
  access: VerifiedToken,
  { database }: AuthContext,
): Promise<CacheLoad<Standing>> {
  const subject = await findSubject(access.claims, access.fingerprint, database)
  const value: Standing = { ...effective(access, subject), user: subject?.user ?? null }
  return { value, tags: subject && value.active ? subject.rows : null }
}
