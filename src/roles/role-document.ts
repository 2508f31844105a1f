import type { Static } from 'typebox'
import { etagOfContent } from '../http/etag.js'
import type { Role as RoleDocument } from './role-schema.js'
import type { Role } from './role-store.js'

/** Returns a role as administrators see it. */
export function toRole({ createdAt, updatedAt, ...role }: Role): Static<typeof RoleDocument> {
  return { ...role, created_at: createdAt.toISOString(), updated_at: updatedAt.toISOString() }
}

/** Returns the entity tag of a role. */
export function etagOf(role: Role): string {
  return etagOfContent(toRole(role))
}
