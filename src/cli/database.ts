import type { Command } from 'commander'
import { seed } from '../../prisma/seed.js'
import { findMacKey } from '../auth/keys/mac-key-store.js'
import type { Config } from '../config/index.js'
import { openDatabase } from '../database/client.js'
import type { MigrationStatus } from '../database/migration-history.js'
import { migrate, migrationStatus } from '../database/migrations.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { sealingKeysOf } from '../sealing/sealing-keys.js'
import { claimUsernames } from '../users/names/taken-names.js'
import { CommandError, exitStatus } from './command-error.js'
import type { Io } from './io.js'
import { printResult, printRows } from './output.js'
import { onDatabase, onServer } from './run.js'

/** Adds `latchkey migrate`, `status` and `seed`. */
export function addSchemaCommands(program: Command, io: Io): void {
  addMigrate(program, io)
  addStatus(program, io)
  addSeed(program, io)
}

/** `latchkey migrate` */
function addMigrate(program: Command, io: Io): void {
  program
    .command('migrate')
    .description('apply pending migrations, and claim the names of existing users')
    .option(
      '--check',
      'change nothing; exit with 4 if some are pending, 5 if there are some of a later version, 6 if some differ',
    )
    .action(
      onServer(io, async function applyMigrations({ config, url }, _args, { check, json }) {
        if (check) {
          const { applied } = await requireThisVersion(url)
          printResult(
            io,
            { applied },
            'The database has all migrations of this version, and no others.',
            json,
          )
          return
        }
        const notices: string[] = []
        const applied = await migrate(url, (notice) => notices.push(notice))
        const alike = await claimExistingNames(config, url)
        if (alike.length > 0)
          notices.push(`names that look like earlier ones, and are kept: ${alike.join(' ')}`)
        const lines = [...applied.map((name) => `applied ${name}`), ...notices, 'The database is up to date.']
        printResult(io, { applied, notices }, lines, json)
      }),
    )
}

/** Requires that the database has the migrations of this version, and no others. @throws CommandError that says how it differs */
async function requireThisVersion(url: string): Promise<MigrationStatus> {
  const status = await migrationStatus(url)
  const { changed, pending, unknown } = status
  if (changed.length > 0)
    throw new CommandError(
      exitStatus.drift,
      `the database was made by other files than those of this version: ${changed.join(' ')}`,
    )
  if (pending.length > 0) throw pendingMigrations(pending)
  if (unknown.length > 0)
    throw new CommandError(
      exitStatus.newer,
      `the database has migrations of a later version: ${unknown.join(' ')}`,
    )
  return status
}

function pendingMigrations({ length }: string[]): CommandError {
  return new CommandError(exitStatus.refused, `${length} pending: run latchkey migrate`)
}

/** `latchkey status` */
function addStatus(program: Command, io: Io): void {
  program
    .command('status')
    .description('list the migrations and their states; exits with status 4 if some are pending')
    .action(
      onServer(io, async function showStatus({ url }, _args, { json }) {
        const { applied, pending, changed, unknown } = await migrationStatus(url)
        const rows = [
          ...applied.map((migration) => ({
            migration,
            state: changed.includes(migration) ? 'changed' : 'applied',
          })),
          ...pending.map((migration) => ({ migration, state: 'pending' })),
          ...unknown.map((migration) => ({ migration, state: 'unknown' })),
        ]
        printRows(io, rows, ['migration', 'state'], json)
        if (pending.length > 0) throw pendingMigrations(pending)
      }),
    )
}

/** `latchkey seed` */
function addSeed(program: Command, io: Io): void {
  program
    .command('seed')
    .description("add the tutorial's users and item to the database")
    .option(
      '--allow-production',
      'also in production, where the service does not start until they have other passwords',
    )
    .action(
      onDatabase(io, async function addSeed({ config, database }, _args, { allowProduction, json }) {
        if (config.production && !allowProduction)
          throw new CommandError(
            exitStatus.refused,
            'the rules of production apply, and the tutorial users have published passwords; --allow-production overrides this',
          )
        const users = await seed(database, await findMacKey(database, sealingKeysOf(config)))
        const descriptions = { johndoe: 'password secret, one item', alice: 'password secret2, disabled' }
        const described = Object.entries(descriptions).map(([name, description]) =>
          users.includes(name) ? `${name} (${description})` : `no ${name}, whose name was used and deleted`,
        )
        printResult(io, { users }, `The database has ${described.join(' and ')}.`, json)
      }),
    )
}

/**
 * Claims the names of existing users, as the service does when it starts, and returns those that look like earlier ones.
 * Without the MAC key it does nothing: this command may lack the secret under which the service would encrypt a new key.
 */
async function claimExistingNames(config: Config, url: string): Promise<string[]> {
  const database = openDatabase(config, url)
  try {
    const macKey = await findMacKey(database, sealingKeysOf(config)).catch(ignoreOtherSecret)
    return macKey ? await claimUsernames(database, macKey) : []
  } finally {
    await database.$disconnect()
  }
}

function ignoreOtherSecret(error: unknown): null {
  if (error instanceof OperatorError) return null
  throw error
}
