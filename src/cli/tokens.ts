import type { Command } from 'commander'
import { revokeClientTokens, revokeUserTokens } from '../auth/store/revocation.js'
import { clientSubject } from '../auth/subject.js'
import { CommandError, exitStatus } from './command-error.js'
import type { Io } from './io.js'
import { printResult } from './output.js'
import { onDatabase, recordOperation } from './run.js'

/** `latchkey tokens …` */
export function addTokenCommands(program: Command, io: Io): void {
  program
    .command('tokens')
    .description('revoke tokens')
    .command('revoke')
    .description('revoke all tokens of a user, or all tokens issued to a client')
    .option('--user <username>', 'user whose tokens are revoked')
    .option('--client <client-id>', 'client whose tokens are revoked')
    .action(
      onDatabase(io, async function revoke({ database }, _args, { user, client, json }) {
        if ((user === undefined) === (client === undefined))
          throw new CommandError(exitStatus.usage, 'specify either --user or --client')
        const name = String(user ?? client)
        await database.$transaction(async (transaction) => {
          const found = await (user === undefined ? revokeClientTokens : revokeUserTokens)(name, transaction)
          if (!found)
            throw new CommandError(exitStatus.notFound, `there is no ${user ? 'user' : 'client'} ${name}`)
          await recordOperation(
            'tokens_revoked',
            user === undefined ? clientSubject(name) : name,
            transaction,
          )
        })
        printResult(
          io,
          { [user ? 'user' : 'client']: name, revoked: true },
          `All tokens of ${name} are revoked.`,
          json,
        )
      }),
    )
}
