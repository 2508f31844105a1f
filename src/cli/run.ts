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
import { escapeLine, escapeLines } from './output.js'

/** The exit statuses, beside 0 for done and 1 for what went wrong. */
export const exitStatus = { usage: 2, notFound: 3, refused: 4 } as const

/** What keeps a command from doing what it was asked, in one line. */
export class CommandError extends OperatorError {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

const lastOne = new CommandError(exitStatus.refused, 'the last administrator stays')
const deletedMeanwhile = new CommandError(exitStatus.notFound, 'it was deleted at the same time')

/** What a command reads and writes. */
export interface Io {
  env: NodeJS.ProcessEnv
  stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
  /** Version of Node.js, such as `24.1.0`. */
  nodeVersion: string
  now: Date
}

/** What a command works with. */
export interface Context {
  config: Config
  /** The database, embedded or not, for as long as the command runs. */
  url: string
}

/** What most commands work with: a database that has the schema. */
export interface DatabaseContext extends Context {
  database: Database
}

/** A transaction, which the database itself is not: an event is recorded with the change that it is about, or neither is. */
type OpenTransaction = Transaction & { $connect?: never }

/** The values of a command's options. */
export type Options = Record<string, string | string[] | boolean | undefined>

type Action<C> = (context: C, args: string[], options: Options) => Promise<void>

/** Makes the action of a command that works on a server, whatever is in its database. */
export function onServer(io: Io, action: Action<Context>) {
  return async function runAction(...given: unknown[]): Promise<void> {
    const command = given.at(-1) as Command
    const config = loadConfig(io.env)
    const server = await borrowServer(config)
    await action({ config, url: server.url }, command.args, command.opts()).finally(server.stop)
  }
}

/** Makes the action of a command that works on the tables: it refuses when these lack migrations. */
export function onDatabase(io: Io, action: Action<DatabaseContext>) {
  return onServer(io, async function runOnDatabase({ config, url }, args, options) {
    const { pending } = await migrationStatus(url)
    if (pending.length > 0) throw new OperatorError('the database lacks migrations: latchkey migrate')
    const database = openDatabase(config, url)
    await action({ config, url, database }, args, options).finally(() => database.$disconnect())
  })
}

/** Records what the operator did to a user, or to a client by its `sub`, or to neither. */
export async function recordOperation(
  action: AuditAction,
  subject: string | null,
  transaction: OpenTransaction,
): Promise<void> {
  const user = subject === null ? null : await findOwner(subject, transaction)
  const event = { action, outcome: 'ok', actor: 'cli', subject, userId: user?.id ?? null } as const
  await recordEvent({ ...event, address: null, requestId: null }, transaction)
}

/** Prints an error, in one line if its reader can mend it, and returns the exit status that it asks for. */
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
