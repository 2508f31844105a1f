import type { Command } from 'commander'
import { createOperatorInvitation } from '../../users/store/invitations.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey users invite` */
export function addInviteUser(users: Command, io: Io): void {
  users
    .command('invite')
    .description('create an invitation, with which one person can register')
    .action(
      onDatabase(io, async function invite({ database }, _args, { json }) {
        const { token, expiresAt } = await database.$transaction(async (transaction) => {
          await recordOperation('invitation_created', null, transaction)
          return createOperatorInvitation(transaction)
        })
        const result = { invitation: token, expires_at: expiresAt.toISOString() }
        printResult(io, result, `Invitation, valid once within 7 days: ${token}`, json)
      }),
    )
}
