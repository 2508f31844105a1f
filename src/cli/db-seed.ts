import { seed } from '../../prisma/seed.js'
import { openDatabase } from '../database/index.js'
import { migrationStatus } from '../database/migrations.js'
import { StartupError } from '../startup-error.js'
import { runCommand } from './run.js'

/** Puts the tutorial's users and item into the database. In production only with --allow-production. */
await runCommand(async function dbSeed({ config, url, args, print }) {
  if (config.production && !args.includes('--allow-production'))
    throw new StartupError(
      'NODE_ENV is production: the tutorial users have published passwords; --allow-production seeds them all the same',
    )
  const { pending } = await migrationStatus(url)
  if (pending.length > 0) throw new StartupError('the database lacks migrations: npm run db:migrate')
  const database = openDatabase(config, url)
  await seed(database).finally(() => database.$disconnect())
  print('The database has johndoe (password secret, one item) and alice (password secret2, disabled).')
  return 0
})
