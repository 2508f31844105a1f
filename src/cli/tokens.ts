import type { Command } from 'commander'
import { recordEvent } from '../audit/event-store.js'
import { revokeClientTokens, revokeUserTokens } from '../auth/store/revocation.js'
import { revokeAllTokens } from '../auth/store/revoke-all.js'
import { clientSubject } from '../auth/subject.js'
import { withOperatorSession } from '../database/operator-session.js'
import { inSession } from '../database/query.js'
import { CommandError, exitStatus } from './command-error.js'
import type { Io } from './io.js'
import { printResult } from './output.js'
import { onDatabase, operationEvent, recordOperation } from './run.js'

/** `latchkey tokens …` */
export function addTokenCommands(program: Command, io: Io): void {
  program
    .command('tokens')
    .description('revoke tokens')
    .command('revoke')
    .description('revoke all tokens of a user, all tokens issued to a client, or all tokens')
    .option('--user <username>', 'user whose tokens are revoked')
    .option('--client <client-id>', 'client whose tokens are revoked')
    .option('--all', 'every token, mailed link and invitation, as after the restore of a backup')
    .action(
      onDatabase(io, async function revoke(context, _args, { user, client, all, json }) {
        if ([user, client, all].filter((given) => given !== undefined).length !== 1)
          throw new CommandError(exitStatus.usage, 'specify either --user, --client or --all')
        if (all) {
          await revokeEverything(context.url)
          printResult(
            io,
            { all: true, revoked: true },
            'All tokens, mailed links and invitations are revoked.',
            json,
          )
          return
        }
        const name = String(user ?? client)
        await context.database.$transaction(async (transaction) => {
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

/** Revokes all tokens in one transaction, which takes longer than others may where there are many users. */
async function revokeEverything(url: string): Promise<void> {
  await withOperatorSession(url, async (session) => {
    const target = inSession(session)
    await session.query('BEGIN')
    await revokeAllTokens(target)
    await recordEvent(operationEvent('tokens_revoked'), target)
    await session.query('COMMIT')
  })
}
