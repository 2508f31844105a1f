import type { Command } from 'commander'
import { findOwner } from '../../users/store/accounts.js'
import { setPassword } from '../../users/store/credentials.js'
import { findEmails } from '../../users/store/emails.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { addPasswordOptions } from '../password.js'
import { onDatabase, recordOperation } from '../run.js'
import { userOptions } from './user-arguments.js'
import { readHash, showPassword } from './user-password.js'

/** `latchkey users set-password` */
export function addSetPassword(users: Command, io: Io): void {
  const command = users
    .command('set-password <username>')
    .description(
      'set a password and revoke all tokens of the user; prompts for it, or reads it from standard input',
    )
  addPasswordOptions(command)
    .option(...userOptions.noChangeRequired)
    .option(...userOptions.force)
    .action(
      onDatabase(io, async function changePassword({ config, database }, [username = ''], options) {
        const user = await findOwner(username, database)
        requireFound(user, 'user', username)
        const { email, pendingEmail } = await findEmails(user.id, database)
        const owner = { username, emails: [email, pendingEmail] }
        const { hashedPassword, generated } = await readHash(owner, config.bcryptCost, options, io)
        const passwordChangeRequired = options.changeRequired === true
        const changes = { hashedPassword, passwordChangeRequired }
        await database.$transaction(async (transaction) => {
          requireFound(await setPassword(username, changes, transaction), 'user', username)
          await recordOperation('password_changed', username, transaction)
        })
        printResult(
          io,
          { username, password_change_required: passwordChangeRequired, password: generated },
          [`${username} has a new password.`, ...showPassword(generated)],
          options.json,
        )
      }),
    )
}
