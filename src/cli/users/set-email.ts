import type { Command } from 'commander'
import { sqlStateOf, uniqueViolation } from '../../database/errors.js'
import { isStorable } from '../../database/storable.js'
import { findEmailProblem } from '../../users/account-rules.js'
import { type Emails, setEmails } from '../../users/store/emails.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { readText, rulesUnlessForced, userOptions } from './user-arguments.js'

/** `latchkey users set-email` */
export function addSetEmail(users: Command, io: Io): void {
  users
    .command('set-email <username> [address]')
    .description('set the e-mail address of a user, which counts as verified; no mail is sent')
    .option(...userOptions.unverified)
    .option('--remove', 'remove the address instead')
    .option(...userOptions.force)
    .action(
      onDatabase(io, async function setEmail({ database }, [username = '', address], options) {
        const email = readText('e-mail address', address, 254)
        if ((email === null) !== (options.remove === true))
          throw new CommandError(exitStatus.usage, 'specify either an address or --remove')
        if (email !== null) rulesUnlessForced(options, io)('e-mail address', findEmailProblem(email))
        await database
          .$transaction(async (transaction) => {
            const emails = toEmails(email, options.unverified === true)
            requireFound(
              isStorable(username) && (await setEmails(username, emails, transaction)),
              'user',
              username,
            )
            await recordOperation('email_changed', username, transaction)
          })
          .catch(refuseTaken)
        printResult(
          io,
          { username, email, email_verified: email === null ? null : options.unverified !== true },
          email === null ? `${username} has no e-mail address.` : `${username} has the address ${email}.`,
          options.json,
        )
      }),
    )
}

/** Returns the addresses to set. A verified address stays in use until the new one is verified. */
function toEmails(email: string | null, isUnverified: boolean): Partial<Emails> {
  return email !== null && isUnverified ? { pendingEmail: email } : { email, pendingEmail: null }
}

function refuseTaken(error: unknown): never {
  throw sqlStateOf(error) === uniqueViolation
    ? new CommandError(exitStatus.refused, 'the e-mail address belongs to another user')
    : error
}
