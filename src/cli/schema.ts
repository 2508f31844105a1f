import type { Command } from 'commander'
import { seed } from '../../prisma/seed.js'
import { migrate, migrationStatus } from '../database/migrations.js'
import { writeMigration } from '../database/new-migration.js'
import { printResult, printRows } from './output.js'
import { CommandError, exitStatus, type Io, onDatabase, onServer } from './run.js'

/** `latchkey migrate`, `status`, `new-migration` and `seed` */
export function addSchemaCommands(program: Command, io: Io): void {
  program
    .command('migrate')
    .description('apply the migrations that the database lacks')
    .option('--json', 'print JSON')
    .action(
      onServer(io, async function applyMigrations({ url }, _args, { json }) {
        const applied = await migrate(url)
        const lines = applied.map((name) => `applied ${name}\n`).join('')
        printResult(io, { applied }, `${lines}The database is up to date.`, json)
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
    .command('new-migration <name>')
    .description('write a migration from what has changed in prisma/schema.prisma, for who develops Latchkey')
    .option('--json', 'print JSON')
    .action(
      onServer(io, async function addMigration({ url }, [name = ''], { json }) {
        const migration = await writeMigration(process.cwd(), name, url, new Date())
        printResult(
          io,
          { migration },
          migration
            ? `wrote prisma/migrations/${migration}/migration.sql: read it`
            : 'The schema has not changed.',
          json,
        )
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
        await seed(database)
        printResult(
          io,
          { users: ['johndoe', 'alice'] },
          'The database has johndoe (password secret, one item) and alice (password secret2, disabled).',
          json,
        )
      }),
    )
}
