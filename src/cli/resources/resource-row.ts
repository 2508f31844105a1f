import type { ManagedResource } from '../../resources/managed-resource-store.js'
import type { Row } from '../output.js'

/** Returns a resource as the command line shows it. */
export function toResourceRow(resource: ManagedResource): Row {
  const { scopes } = resource
  return {
    name: resource.name,
    audience: resource.identifier,
    scopes: scopes.map(({ name }) => name),
    default_scopes: scopes.filter(({ byDefault }) => byDefault).map(({ name }) => name),
    token_ttl_seconds: resource.tokenTtlSeconds,
    subject_type: resource.subjectType,
    servers: resource.servers,
    disabled: resource.disabled,
    created_at: resource.createdAt.toISOString(),
    updated_at: resource.updatedAt.toISOString(),
  }
}
