import type { Command } from 'commander'
import { grantRole, revokeRole } from '../../roles/manage-roles.js'
import { findRole } from '../../roles/role-store.js'
import { findOwner } from '../../users/store/accounts.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey roles grant` and `revoke` */
export function addGrantRole(roles: Command, io: Io): void {
  for (const { verb, description, set, action, past } of verbs)
    roles
      .command(`${verb} <name> <username...>`)
      .description(description)
      .action(
        onDatabase(io, async function setRole({ database }, [name = '', ...usernames], { json }) {
          await database.$transaction(async (transaction) => {
            requireFound(await findRole(name, transaction), 'role', name)
            for (const username of [...new Set(usernames)].sort()) {
              requireFound(await findOwner(username, transaction), 'user', username)
              const { hasChanged } = await set(username, name, transaction)
              if (hasChanged) await recordOperation(action, username, transaction)
            }
          })
          printResult(io, { name, users: usernames }, `${past} ${name}: ${usernames.join(' ')}`, json)
        }),
      )
}

const verbs = [
  {
    verb: 'grant',
    description: 'give users a role',
    set: grantRole,
    action: 'role_granted',
    past: 'Granted',
  },
  {
    verb: 'revoke',
    description: 'take a role from users, with its scopes at once',
    set: revokeRole,
    action: 'role_revoked',
    past: 'Revoked',
  },
] as const
