/** Prefix of a client's `sub`. A check in the database keeps it out of usernames. */
const clientPrefix = 'client:'

/** Returns the `sub` of the tokens that a client is issued for itself. */
export function clientSubject(clientId: string): string {
  return clientPrefix + clientId
}

/** Returns the id of the client that a `sub` names, or null when it names a user. */
export function clientOf(sub: string): string | null {
  return sub.startsWith(clientPrefix) ? sub.slice(clientPrefix.length) : null
}
