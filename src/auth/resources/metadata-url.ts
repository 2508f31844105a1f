/** Path of the metadata of a protected resource, before the path of the resource (RFC 9728 §3). */
export const metadataPath = '/.well-known/oauth-protected-resource'

/** Returns whether a resource can have metadata: its identifier is a URL that can be fetched (RFC 9728 §1.2). */
export function hasMetadata(identifier: string): boolean {
  return /^https?:\/\//i.test(identifier) && URL.canParse(identifier)
}

/** Returns the URL at which a resource publishes its metadata (RFC 9728 §3.1). */
export function metadataUrl(identifier: string): string {
  const { origin, pathname, search } = new URL(identifier)
  return `${origin}${metadataPath}${pathname === '/' ? '' : pathname}${search}`
}
