import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { seed } from '#dist/prisma/seed.js'
import { openDatabase } from '#dist/src/database/client.js'
import { findFreePort } from '#dist/src/database/embedded/port.js'
import { start } from './children.js'
import { openBenchDatabase } from './database.js'
import { addUsers } from './fill.js'
import { addMillion } from './million.js'
import { runCommand, startService, untilAnswered } from './service.js'
import { openIssuer } from './tokens.js'

const processes = join(import.meta.dirname, '../processes')

/**
 * @typedef {{ url: string, pid?: number }} Target a server under load; of the peer the process is not known
 *
 * @typedef {object} World what scenarios are measured in
 * @property {number} seconds how long a measurement takes
 * @property {{ url: string, sql: import('pg').Client }} database
 * @property {Target} service
 * @property {import('./tokens.js').Issuer} issuer
 * @property {import('./tokens.js').User} johndoe the tutorial's user, who has one item
 * @property {() => Promise<string>} token an access token of his
 * @property {() => Promise<import('./tokens.js').User[]>} users 1,000 others
 * @property {() => ReturnType<typeof addMillion>} million an owner of 1,000,000 items
 * @property {() => Promise<string>} client how a confidential client authenticates: the value of `Authorization`
 * @property {() => Promise<Target>} baselines the process of the bare routes
 */

/**
 * Starts all that is measured. What not every scenario needs is made when it is needed first.
 *
 * @param {number} seconds how long a measurement takes
 * @returns {Promise<World>}
 */
export async function openWorld(seconds) {
  const database = await openBenchDatabase()
  const johndoe = await seedUsers(database)
  const service = await startService(database.url)
  const issuer = await openIssuer(database.url, database.sql)
  const token = once(async () => (await issuer.accessTokens([johndoe]))[0] ?? '')
  const names = Array.from({ length: 1000 }, (_, index) => `user-${index}`)
  return {
    ...{ seconds, database, service, issuer, johndoe, token },
    users: once(() => addUsers(database.sql, names)),
    million: once(() => addMillion(database.sql, issuer)),
    client: once(() => createClient(database.url)),
    baselines: once(() => startBaselines(database, johndoe, issuer.publicPem)),
  }
}

/** The path of a program that is measured in a process of its own. @param {string} name */
export function pathOf(name) {
  return join(processes, name)
}

/**
 * Makes something the first time that it is asked for.
 *
 * @template T
 * @param {() => Promise<T>} make
 * @returns {() => Promise<T>}
 */
export function once(make) {
  /** @type {Promise<T> | undefined} */
  let made
  return () => {
    made ??= make()
    return made
  }
}

/** @param {World['database']} database */
async function seedUsers({ url, sql }) {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  await seed(database).finally(() => database.$disconnect())
  const { rows } = await sql.query("SELECT id, username FROM users WHERE username = 'johndoe'")
  return rows[0]
}

/** @param {string} databaseUrl */
async function createClient(databaseUrl) {
  const id = `bench-${randomUUID()}`
  const scope = ['--scope', 'items:read', '--right', 'introspect']
  const { client_secret: secret } = await runCommand(databaseUrl, [
    ...['clients', 'create', id, '--name', 'Bench', ...scope],
  ])
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

/**
 * @param {World['database']} database
 * @param {import('./tokens.js').User} owner
 * @param {string} publicPem
 */
async function startBaselines({ url, sql }, owner, publicPem) {
  const { rows } = await sql.query('SELECT id FROM items WHERE owner_id = $1', [owner.id])
  const port = await findFreePort()
  const task = { port, publicPem, databaseUrl: url, item: rows[0].id }
  const { child } = start(process.execPath, [pathOf('baselines.js'), JSON.stringify(task)], {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  await untilAnswered(port, '/bare', child)
  return { url: `http://127.0.0.1:${port}`, pid: Number(child.pid) }
}
