import { writeMigration } from '../database/new-migration.js'
import { runCommand } from './run.js'

/** Writes a new migration from what has changed in prisma/schema.prisma. */
await runCommand(async function dbMigration({ url, args, print }) {
  const written = await writeMigration(process.cwd(), args[0] ?? '', url, new Date())
  print(written ? `wrote prisma/migrations/${written}/migration.sql: read it` : 'The schema has not changed.')
  return 0
})
