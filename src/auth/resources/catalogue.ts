import type { InvalidatingCache } from '../../database/changes/cache.js'
import type { Database } from '../../database/client.js'
import type { Issuer } from '../access-token.js'
import { isDisabled } from '../effective.js'
import { isOwnAudience } from './audience.js'
import { withPath } from './identifier.js'
import { hasMetadata, metadataUrl } from './metadata-url.js'
import { type Catalogue, readCatalogue } from './resource-store.js'

/** Cache and database that the resources are loaded from. */
export interface CatalogueSource {
  database: Database
  /** Every resource, under the one key `all`. */
  resources: InvalidatingCache<'all', Catalogue>
}

/** Returns every resource, from the cache while it is current. Any change of a resource is announced as one of everything. */
export function loadCatalogue({ resources, database }: CatalogueSource): Promise<Catalogue> {
  return resources.get('all', async function readResources() {
    return { value: await readCatalogue(database), tags: [] }
  })
}

/**
 * Returns the ids of the clients that may introspect tokens for a resource: none if it is unknown.
 *
 * @param audience identifier of the resource; null for this service, which no client serves
 */
export async function loadServers(
  audience: string | null,
  source: CatalogueSource,
): Promise<readonly string[]> {
  if (audience === null) return []
  const { byIdentifier } = await loadCatalogue(source)
  return byIdentifier.get(withPath(audience))?.servers ?? []
}

/**
 * Returns the URL at which a resource publishes its metadata (RFC 9728 §3.1). Empty if it publishes none: it is unknown,
 * disabled or not named by a URL, or a shared secret signs the tokens.
 *
 * @param resource identifier of the resource; null for this service
 */
export async function findMetadataUrl(
  resource: string | null,
  { issuer, ...source }: CatalogueSource & { issuer: Issuer | null },
): Promise<string> {
  if (!issuer) return ''
  if (resource === null || isOwnAudience(resource, issuer)) return metadataUrl(issuer.iss)
  const { byIdentifier } = await loadCatalogue(source)
  const found = byIdentifier.get(withPath(resource))
  return found && !isDisabled(found) && hasMetadata(found.identifier) ? metadataUrl(found.identifier) : ''
}
