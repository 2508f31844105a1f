import { migrate } from '../database/migrations.js'
import { runCommand } from './run.js'

/** Applies the migrations that the database lacks. */
await runCommand(async function dbMigrate({ url, print }) {
  const applied = await migrate(url)
  for (const name of applied) print(`applied ${name}`)
  print(
    applied.length === 0
      ? 'The database is up to date.'
      : `The database is up to date: ${applied.length} applied.`,
  )
  return 0
})
