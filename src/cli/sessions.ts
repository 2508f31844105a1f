import type { Command } from 'commander'
import { revokeFamily } from '../auth/store/revocation.js'
import { findSessionOwner, listSessions } from '../auth/store/sessions.js'
import { CommandError, exitStatus } from './command-error.js'
import type { Io } from './io.js'
import { readLimit } from './limit.js'
import { printResult, printRows } from './output.js'
import { onDatabase, recordOperation } from './run.js'

const columns = ['id', 'username', 'client_id', 'scope', 'created_at', 'expires_at']

/** `latchkey sessions …` */
export function addSessionCommands(program: Command, io: Io): void {
  const sessions = program.command('sessions').description('list and end the logins of users')
  addListSessions(sessions, io)
  addEndSession(sessions, io)
}

/** `latchkey sessions list` */
function addListSessions(sessions: Command, io: Io): void {
  sessions
    .command('list')
    .description('list the logins that have valid tokens, newest first')
    .option('--user <username>', 'only those of a user')
    .option('--client <client-id>', 'only those at a client')
    .option('--limit <number>', 'maximum number of logins', '100')
    .action(
      onDatabase(io, async function list({ database }, _args, { user, client, limit, json }) {
        const filter = {
          username: user === undefined ? null : String(user),
          clientId: client === undefined ? null : String(client),
          limit: readLimit(limit),
        }
        const rows = (await listSessions(filter, database)).map((session) => ({
          id: session.id,
          username: session.username,
          client_id: session.clientId,
          scope: session.scope,
          created_at: session.createdAt.toISOString(),
          expires_at: session.expiresAt.toISOString(),
        }))
        printRows(io, rows, columns, json)
      }),
    )
}

/** `latchkey sessions end` */
function addEndSession(sessions: Command, io: Io): void {
  sessions
    .command('end <id>')
    .description('end a login and revoke its tokens')
    .action(
      onDatabase(io, async function end({ database }, [id = ''], { json }) {
        const username = await database.$transaction(async (transaction) => {
          const owner = await findSessionOwner(id, transaction)
          if (owner === null || !(await revokeFamily(id, transaction)))
            throw new CommandError(exitStatus.notFound, `there is no session ${id} to end`)
          await recordOperation('tokens_revoked', owner, transaction)
          return owner
        })
        printResult(io, { id, username, ended: true }, `Ended a session of ${username}.`, json)
      }),
    )
}
