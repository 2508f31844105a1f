import { join } from 'node:path'

/** Where the pages of the documentation have their scripts and styles: scripts/build.js puts them there. */
export const assetsDirectory = join(import.meta.dirname, 'docs/assets')

/** Where the migrations are: one folder each, in the order of their names. */
export const migrationsDirectory = join(import.meta.dirname, '../prisma/migrations')
