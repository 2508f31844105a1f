import type { Transaction } from '../database/client.js'
import { InvalidInput, ServiceError } from '../errors.js'
import { findUnknownScopes } from '../users/store/scopes.js'
import { maxScopes } from './role-schema.js'
import {
  addRole,
  addUserRole,
  findRole,
  lockRole,
  lockRoleKey,
  lockUserKey,
  type Role,
  removeRole,
  removeUserRole,
  replaceScopes,
  updateRole,
} from './role-store.js'

// Both the API and the command line manage roles with these functions, so that one set of rules holds for both.

/** Properties of a role that administrators and operators set. */
export type RoleSettings = Pick<Role, 'description' | 'scopes'>

/** Creates a role. @throws ServiceError `role_exists`; InvalidInput for a scope that a role cannot have */
export async function createRole(
  { name, description, scopes }: RoleSettings & { name: string },
  transaction: Transaction,
): Promise<Role> {
  await requireScopes(scopes, transaction)
  if (!(await addRole({ name, description }, transaction))) throw new ServiceError('role_exists')
  await replaceScopes(name, scopes, transaction)
  return (await findRole(name, transaction)) as Role
}

/**
 * Changes a role, which takes effect at once for its users. Locks it until the transaction ends.
 *
 * @param requireState throws if the current state must not be changed
 * @throws ServiceError `not_found`; InvalidInput for a scope that a role cannot have
 */
export async function changeRole(
  name: string,
  { scopes, ...changes }: Partial<RoleSettings>,
  requireState: (current: Role) => void,
  transaction: Transaction,
): Promise<Role> {
  // Scopes are locked before roles, as by a deletion of scopes.
  if (scopes) await requireScopes(scopes, transaction)
  const current = await lockRole(name, transaction)
  if (!current) throw new ServiceError('not_found')
  requireState(current)
  // Updated even without changes, so that `updated_at` also reflects new scopes.
  await updateRole(name, changes, transaction)
  if (scopes) await replaceScopes(name, scopes, transaction)
  return (await findRole(name, transaction)) as Role
}

/**
 * Gives scopes to a role and takes others away, at once for its users. Locks the role until the transaction ends.
 *
 * @throws ServiceError `not_found`; InvalidInput for a scope that a role cannot have, or for too many
 */
export async function changeRoleScopes(
  name: string,
  { add, remove }: { add: string[]; remove: string[] },
  transaction: Transaction,
): Promise<string[]> {
  await requireScopes([...add, ...remove], transaction)
  const current = await lockRole(name, transaction)
  if (!current) throw new ServiceError('not_found')
  const kept = current.scopes.filter((scope) => !add.includes(scope))
  const scopes = [...kept, ...add].filter((scope) => !remove.includes(scope)).sort()
  if (scopes.length > maxScopes)
    throw new InvalidInput('body', ['scopes'], 'too_long', `A role can have at most ${maxScopes} scopes`)
  await updateRole(name, {}, transaction)
  await replaceScopes(name, scopes, transaction)
  return scopes
}

/**
 * Deletes a role.
 *
 * @param requireState throws if the current state must not be deleted
 * @throws ServiceError `not_found`
 */
export async function deleteRole(
  name: string,
  requireState: (current: Role) => void,
  transaction: Transaction,
): Promise<void> {
  const current = await lockRole(name, transaction)
  if (!current) throw new ServiceError('not_found')
  requireState(current)
  await removeRole(name, transaction)
}

/** A user to whom a role was given or from whom it was taken. */
export interface Holder {
  id: string
  username: string
  /** Whether this changed anything. */
  hasChanged: boolean
}

/** Gives a user a role. @throws ServiceError `not_found` */
export async function grantRole(username: string, role: string, transaction: Transaction): Promise<Holder> {
  const user = await requireBoth(username, role, transaction)
  return { ...user, hasChanged: await addUserRole(user.id, role, transaction) }
}

/** Takes a role from a user. @throws ServiceError `not_found` */
export async function revokeRole(username: string, role: string, transaction: Transaction): Promise<Holder> {
  const user = await requireBoth(username, role, transaction)
  return { ...user, hasChanged: await removeUserRole(user.id, role, transaction) }
}

async function requireBoth(username: string, role: string, transaction: Transaction) {
  const user = await lockUserKey(username, transaction)
  if (!user || !(await lockRoleKey(role, transaction))) throw new ServiceError('not_found')
  return user
}

/**
 * Refuses scopes that do not exist, and `users:admin`: administrators are made one by one, so that the last of them can be
 * recognised and kept.
 */
async function requireScopes(scopes: string[], transaction: Transaction): Promise<void> {
  if (scopes.includes('users:admin'))
    throw new InvalidInput('body', ['scopes'], 'forbidden_scope', 'A role cannot have users:admin')
  const [unknown] = await findUnknownScopes(scopes, transaction)
  if (unknown !== undefined)
    throw new InvalidInput('body', ['scopes'], 'unknown_scope', `The scope ${unknown} does not exist`)
}
