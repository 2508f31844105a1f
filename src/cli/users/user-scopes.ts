import type { Option } from 'commander'
import type { Transaction } from '../../database/client.js'
import { grantRole } from '../../roles/manage-roles.js'
import { findRole } from '../../roles/role-store.js'
import { maxUserScopes } from '../../users/administration/managed-user-schema.js'
import { findUnknownScopes } from '../../users/store/scopes.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import { type OpenTransaction, recordOperation } from '../run.js'
import { wordsOption } from '../words-option.js'

export function scopeOption(): Option {
  return wordsOption('--scope <scope>', 'additional scope: users:admin, items:admin, or one of a resource')
}

/** @throws CommandError naming the first scope that no user can have, or if there are too many */
export async function requireKnownScopes(scopes: string[], transaction: Transaction): Promise<void> {
  requireFewScopes(scopes)
  const [unknown] = await findUnknownScopes(scopes, transaction)
  if (unknown !== undefined)
    throw new CommandError(
      exitStatus.usage,
      `there is no scope ${unknown}: users can have users:admin, items:admin, and the scopes in latchkey resources list`,
    )
}

/** @throws CommandError if there are more scopes than a user can have */
export function requireFewScopes(scopes: string[]): void {
  if (scopes.length > maxUserScopes)
    throw new CommandError(exitStatus.usage, `a user can have at most ${maxUserScopes} additional scopes`)
}

/** Gives a new user roles. @throws CommandError naming the first role that does not exist */
export async function grantRoles(
  username: string,
  roles: string[],
  transaction: OpenTransaction,
): Promise<void> {
  for (const role of roles) {
    requireFound(await findRole(role, transaction), 'role', role)
    await grantRole(username, role, transaction)
    await recordOperation('role_granted', username, transaction)
  }
}
