import { writeMigration } from './lib/new-migration.js'

// Writes a migration for what has changed in prisma/schema.prisma: npm run db:migration -- add_title

const [, , name = ''] = process.argv
try {
  const migration = await writeMigration(process.cwd(), name, new Date())
  const wrote = `wrote prisma/migrations/${migration}/migration.sql: read it before you apply it`
  process.stdout.write(`${migration ? wrote : 'The schema has not changed.'}\n`)
} catch (error) {
  process.stderr.write(`new-migration: ${/** @type {Error} */ (error).message}\n`)
  process.exitCode = 1
}
