/** No user's name begins like this: the database has a check for it. */
const clientPrefix = 'client:'

/** The `sub` of the tokens that a client gets for itself. */
export function clientSubject(clientId: string): string {
  return clientPrefix + clientId
}

/** The client that a `sub` names, or null when it names a user. */
export function clientOf(sub: string): string | null {
  return sub.startsWith(clientPrefix) ? sub.slice(clientPrefix.length) : null
}
