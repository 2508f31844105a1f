import { migrationStatus } from '../database/migrations.js'
import { runCommand } from './run.js'

/** Lists the migrations and whether the database has them; exits with 1 when it lacks some. */
await runCommand(async function dbStatus({ url, print }) {
  const { applied, pending } = await migrationStatus(url)
  for (const name of applied) print(`applied  ${name}`)
  for (const name of pending) print(`pending  ${name}`)
  print(
    pending.length === 0 ? 'The database is up to date.' : `${pending.length} pending: npm run db:migrate`,
  )
  return pending.length === 0 ? 0 : 1
})
