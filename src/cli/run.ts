import type { Command } from 'commander'
import type { AuditAction, NewAuditEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { isUserSubject } from '../audit/subject.js'
import { type Config, loadConfig } from '../config/index.js'
import { type Database, openDatabase, type Transaction } from '../database/client.js'
import { requireSameDatabase } from '../database/identity.js'
import { migrationStatus } from '../database/migrations.js'
import { borrowServer } from '../database/provision.js'
import { within } from '../database/query.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { announceIfSlow } from '../lifecycle/progress.js'
import { findOwner } from '../users/store/accounts.js'
import type { Io } from './io.js'

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
export type OpenTransaction = Transaction & { $connect?: never }

/** Values of a command's options, and of those that every command has. */
export type Options = Record<string, string | string[] | boolean | undefined>

type Action<C> = (context: C, args: string[], options: Options) => Promise<void>

/** Returns the action of a command that works on a server, whatever the state of its database. */
export function onServer(io: Io, action: Action<Context>, provide = borrowServer) {
  return async function runAction(...given: unknown[]): Promise<void> {
    const command = given.at(-1) as Command
    const config = loadConfig(io.env)
    await refuseOtherDatabase(config)
    const announce = io.stderr.write.bind(io.stderr, 'Starting PostgreSQL …\n')
    const server = await announceIfSlow(announce, provide(config))
    await action({ config, url: server.url }, command.args, command.optsWithGlobals()).finally(server.stop)
  }
}

/** Requires what a start requires. If a pooler cannot be reached, commands work without it. @throws OperatorError */
async function refuseOtherDatabase({ databaseUrl, databaseDirectUrl }: Config): Promise<void> {
  if (!databaseUrl || !databaseDirectUrl) return
  await requireSameDatabase(databaseUrl, databaseDirectUrl).catch((error: Error) => {
    if (error instanceof OperatorError) throw error
  })
}

/** Returns the action of a command that works on the tables. It refuses to run while migrations are pending. */
export function onDatabase(io: Io, action: Action<DatabaseContext>) {
  return onServer(io, async function runOnDatabase({ config, url }, args, options) {
    await requireMigrations(url)
    const database = openDatabase(config, url)
    await action({ config, url, database }, args, options).finally(() => database.$disconnect())
  })
}

/** @throws OperatorError if migrations are pending */
export async function requireMigrations(url: string): Promise<void> {
  const { pending } = await migrationStatus(url)
  if (pending.length > 0) throw new OperatorError('the database lacks migrations: run latchkey migrate')
}

/** Records an operator's action. @param subject user, `sub` of a client, resource, role, or null for none of them */
export async function recordOperation(
  action: AuditAction,
  subject: string | null,
  transaction: OpenTransaction,
): Promise<void> {
  const user = subject !== null && isUserSubject(subject) ? await findOwner(subject, transaction) : null
  await recordEvent({ ...operationEvent(action), subject, userId: user?.id ?? null }, within(transaction))
}

/** Returns the event of an operator's action that concerns no user, client, resource or role. */
export function operationEvent(action: AuditAction): NewAuditEvent {
  const nobody = { subject: null, userId: null, address: null, requestId: null }
  return { action, outcome: 'ok', actor: 'cli', ...nobody }
}
