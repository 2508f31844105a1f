import bcrypt from 'bcrypt'
import pg from 'pg'
import { seed } from '../../prisma/seed.js'
import { openDatabase } from '../../src/database/client.js'
import { migrate } from '../../src/database/migrations.js'
import { plainOptions } from './hostile.js'
import { layoutOf } from './items-layout.js'

/** Minimum cost of bcrypt. With the seed's cost each login of a test would take 256 times as long. */
const cost = 4

/**
 * Fills the database that each test file clones: migrated and seeded, with passwords hashed at the lowest cost.
 *
 * @param url an empty database
 * @param layout how the table of items is stored
 */
export async function fillTemplate(url: string, layout = layoutOf()): Promise<void> {
  await migrate(url)
  await layout.prepareTemplate?.(url)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  await seed(database)
  await database.$disconnect()
  const client = new pg.Client({ connectionString: url, options: plainOptions })
  await client.connect()
  for (const [username, password] of [
    ['johndoe', 'secret'],
    ['alice', 'secret2'],
  ])
    await client.query('UPDATE users SET hashed_password = $1, rehashed_at = now() WHERE username = $2', [
      bcrypt.hashSync(String(password), cost),
      username,
    ])
  await client.end()
}

/** Stores the password in `url` anew, with the number of iterations that the server is set to. */
export async function renewPassword(url: string): Promise<void> {
  const { username, password } = new URL(url)
  const client = new pg.Client({ connectionString: url, options: plainOptions })
  await client.connect()
  await client.query(
    `ALTER ROLE ${pg.escapeIdentifier(username)} PASSWORD ${pg.escapeLiteral(decodeURIComponent(password))}`,
  )
  await client.end()
}
