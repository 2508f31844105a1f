import type { Command } from 'commander'
import { setUserDisabled } from '../../users/store/managed-users.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey users disable` and `enable` */
export function addSetDisabled(users: Command, io: Io): void {
  for (const disabled of [true, false]) {
    const verb = disabled ? 'disable' : 'enable'
    users
      .command(`${verb} <username>`)
      .description(disabled ? 'disable a user and revoke all of their tokens' : 'enable a user again')
      .action(
        onDatabase(io, async function setDisabled({ database }, [username = ''], { json }) {
          await database.$transaction(async (transaction) => {
            requireFound(await setUserDisabled(username, disabled, transaction), 'user', username)
            await recordOperation(disabled ? 'user_disabled' : 'user_enabled', username, transaction)
          })
          printResult(io, { username, disabled }, `${username} is ${verb}d.`, json)
        }),
      )
  }
}
