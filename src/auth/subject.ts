/** Kinds of `sub` that the tokens of a resource have for a user: a random subject that never changes, or the username. */
export const subjectTypes = ['public', 'username'] as const

export type SubjectType = (typeof subjectTypes)[number]

/** Prefix of a client's `sub`. A check in the database keeps it out of usernames. */
const clientPrefix = 'client:'

/** Returns the `sub` of the tokens that a client is issued for itself. */
export function clientSubject(clientId: string): string {
  return clientPrefix + clientId
}

/**
 * Returns the `sub` of a user's tokens: for this service, and where a resource asks for it, the username; otherwise a
 * random subject that never changes.
 */
export function userSubject(
  { username, subject }: { username: string; subject: string },
  resource: { subjectType: SubjectType } | null,
): string {
  return resource?.subjectType === 'public' ? subject : username
}

/** Returns the id of the client that a `sub` names, or null when it names a user. */
export function clientOf(sub: string): string | null {
  return sub.startsWith(clientPrefix) ? sub.slice(clientPrefix.length) : null
}
