/** Path of the aggregation, below which the lists are. */
export const listsPath = '/status-lists'

/** Returns the URI of a status list, which tokens refer to (draft-ietf-oauth-status-list §6.2). */
export function uriOf(issuer: string, id: string): string {
  return `${issuer}${listsPath}/${id}`
}

/** Returns the id of the list of a URI, or null if it is not one of this issuer. */
export function idOf(issuer: string, uri: string): string | null {
  const base = uriOf(issuer, '')
  return uri.startsWith(base) ? uri.slice(base.length) : null
}
