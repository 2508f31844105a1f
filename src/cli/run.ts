import type { Command } from 'commander'
import type { AuditAction } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { type Config, loadConfig } from '../config/index.js'
import { type Database, openDatabase, type Transaction } from '../database/client.js'
import { lastAdministrator, sqlStateOf, violatedForeignKey } from '../database/errors.js'
import { migrationStatus } from '../database/migrations.js'
import { borrowServer } from '../database/provision.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { findOwner } from '../users/store/accounts.js'
import type { Io } from './io.js'
import { escapeLine, escapeLines } from './output.js'

/** Exit statuses other than 0 for success and 1 for failure. */
export const exitStatus = { usage: 2, notFound: 3, refused: 4 } as const

/** Error that ends a command with one line and an exit status of its own. */
export class CommandError extends OperatorError {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const lastOne = new CommandError(exitStatus.refused, 'the last administrator cannot be removed')
const deletedMeanwhile = new CommandError(exitStatus.notFound, 'it was deleted concurrently')

/** Context of a command that works on a server. */
export interface Context {
  config: Config
  /** URL of the server, which is available while the command runs. */
  url: string
}

/** Context of a command that works on a database with the current schema. */
export interface DatabaseContext extends Context {
  database: Database
}

/** A transaction, but not the database itself: an event is recorded together with the change that it reports. */
type OpenTransaction = Transaction & { $connect?: never }

/** Values of a command's options. */
export type Options = Record<string, string | string[] | boolean | undefined>

type Action<C> = (context: C, args: string[], options: Options) => Promise<void>

/** Returns the action of a command that works on a server, whatever the state of its database. */
export function onServer(io: Io, action: Action<Context>) {
  return async function runAction(...given: unknown[]): Promise<void> {
    const command = given.at(-1) as Command
    const config = loadConfig(io.env)
    const server = await borrowServer(config)
    await action({ config, url: server.url }, command.args, command.opts()).finally(server.stop)
  }
}

/** Returns the action of a command that works on the tables. It refuses to run while migrations are pending. */
export function onDatabase(io: Io, action: Action<DatabaseContext>) {
  return onServer(io, async function runOnDatabase({ config, url }, args, options) {
    const { pending } = await migrationStatus(url)
    if (pending.length > 0) throw new OperatorError('the database lacks migrations: run latchkey migrate')
    const database = openDatabase(config, url)
    await action({ config, url, database }, args, options).finally(() => database.$disconnect())
  })
}

/** Records an operator's action. @param subject user, `sub` of a client, or null for neither */
export async function recordOperation(
  action: AuditAction,
  subject: string | null,
  transaction: OpenTransaction,
): Promise<void> {
  const user = subject === null ? null : await findOwner(subject, transaction)
  const event = { action, outcome: 'ok', actor: 'cli', subject, userId: user?.id ?? null } as const
  await recordEvent({ ...event, address: null, requestId: null }, transaction)
}

/** Prints an error and returns its exit status. An error that operators can fix takes one line, any other has a stack. */
export function reportError(thrown: unknown, io: Io): number {
  const error = toCommandError(thrown)
  const { message, stack } = error as Error
  const text = error instanceof OperatorError ? escapeLine(message) : escapeLines(String(stack))
  io.stderr.write(`latchkey: ${text}\n`)
  return error instanceof CommandError ? error.status : 1
}

function toCommandError(thrown: unknown): unknown {
  if (sqlStateOf(thrown) === lastAdministrator) return lastOne
  return violatedForeignKey(thrown) ? deletedMeanwhile : thrown
}
