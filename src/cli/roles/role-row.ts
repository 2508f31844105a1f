import type { Role } from '../../roles/role-store.js'
import type { Row } from '../output.js'

/** Returns a role as the command line shows it. @param users number of users by the names of roles */
export function toRoleRow(role: Role, users: ReadonlyMap<string, number>): Row {
  return {
    name: role.name,
    description: role.description,
    scopes: role.scopes,
    users: users.get(role.name) ?? 0,
    created_at: role.createdAt.toISOString(),
    updated_at: role.updatedAt.toISOString(),
  }
}
