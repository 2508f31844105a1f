import { join } from 'node:path'

/** Directory of the scripts and styles of the documentation pages, which scripts/build.js puts there. */
export const assetsDirectory = join(import.meta.dirname, 'docs/assets')

/** Directory of the migrations: one folder each, in the order of their names. */
export const migrationsDirectory = join(import.meta.dirname, '../prisma/migrations')
