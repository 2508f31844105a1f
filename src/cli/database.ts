import type { Command } from 'commander'
import { seed } from '../../prisma/seed.js'
import { findMacKey } from '../auth/keys/mac-key-store.js'
import { sealingKeysOf } from '../auth/keys/sealing-keys.js'
import type { Config } from '../config/index.js'
import { openDatabase } from '../database/client.js'
import { migrate, migrationStatus } from '../database/migrations.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { claimUsernames } from '../users/names/taken-names.js'
import { printResult, printRows } from './output.js'
import { CommandError, exitStatus, type Io, onDatabase, onServer } from './run.js'

/** Adds `latchkey migrate`, `status` and `seed`. */
export function addSchemaCommands(program: Command, io: Io): void {
  program
    .command('migrate')
    .description('apply the migrations that the database lacks, and claim the names of its users')
    .option('--json', 'print JSON')
    .action(
      onServer(io, async function applyMigrations({ config, url }, _args, { json }) {
        const notices: string[] = []
        const applied = await migrate(url, (notice) => notices.push(notice))
        const alike = await claimExistingNames(config, url)
        if (alike.length > 0)
          notices.push(`names look like ones that were taken earlier, and stay: ${alike.join(' ')}`)
        const lines = [...applied.map((name) => `applied ${name}`), ...notices, 'The database is up to date.']
        printResult(io, { applied, notices }, lines, json)
      }),
    )

  program
    .command('status')
    .description('list the migrations and whether the database has them; exits with 4 when it lacks some')
    .option('--json', 'print JSON')
    .action(
      onServer(io, async function showStatus({ url }, _args, { json }) {
        const { applied, pending } = await migrationStatus(url)
        const row = (state: string) => (migration: string) => ({ migration, state })
        printRows(
          io,
          [...applied.map(row('applied')), ...pending.map(row('pending'))],
          ['migration', 'state'],
          json,
        )
        if (pending.length > 0)
          throw new CommandError(exitStatus.refused, `${pending.length} pending: latchkey migrate`)
      }),
    )

  program
    .command('seed')
    .description("put the tutorial's users and item into the database")
    .option('--allow-production', 'in production too, which does not start until they have other passwords')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function addSeed({ config, database }, _args, { allowProduction, json }) {
        if (config.production && !allowProduction)
          throw new CommandError(
            exitStatus.refused,
            'NODE_ENV is production: the tutorial users have published passwords; --allow-production seeds them all the same',
          )
        const users = await seed(database, await findMacKey(database, sealingKeysOf(config)))
        const of = { johndoe: 'password secret, one item', alice: 'password secret2, disabled' }
        const described = Object.entries(of).map(([name, what]) =>
          users.includes(name) ? `${name} (${what})` : `no ${name}, whose name was used and deleted`,
        )
        printResult(io, { users }, `The database has ${described.join(' and ')}.`, json)
      }),
    )
}

/**
 * Claims the names of users, as the service does when it starts, where the key for it is at hand: it is never made here,
 * as this command may run without the secret that it is to be encrypted under.
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
