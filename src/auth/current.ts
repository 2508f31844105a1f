import type { AuthContext } from './context.js'
import { type Client, findClient } from './store/clients.js'
import { findSubject, type Subject } from './store/subjects.js'
import type { VerifiedToken } from './verify.js'

/** The client of that id as it is now, from memory where that is known to be true still; or null. */
export function currentClient(clientId: string, { clients, database }: AuthContext): Promise<Client | null> {
  return clients.get(clientId, async function readClient() {
    const client = await findClient(clientId, database)
    return { value: client, rows: client && [`client:${clientId}`] }
  })
}

/** Whom a token speaks for now, from memory where that is known to be true still; or null when it is gone. */
export function currentSubject(
  access: VerifiedToken,
  { subjects, database }: AuthContext,
): Promise<Subject | null> {
  return subjects.get(access, () => findSubject(access.claims, access.fingerprint, database))
}
