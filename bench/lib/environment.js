import { randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { seed } from '#dist/prisma/seed.js'
import { openDatabase } from '#dist/src/database/client.js'
import { findFreePort } from '#dist/src/database/embedded/port.js'
import { basic } from '../peers/token-server.js'
import { shareCoresByProcess } from './autogroup.js'
import { start } from './children.js'
import { openBenchDatabase } from './database.js'
import { addUsers } from './fixtures.js'
import { startFleet } from './fleet.js'
import { addLargeOwner } from './large-owner.js'
import { runCommand, startService, waitForResponse } from './service.js'
import { openIssuer } from './tokens.js'

const processes = join(import.meta.dirname, '../processes')

/**
 * @typedef {{ url: string, pid?: number }} Target a server under load; the process of a peer is unknown
 *
 * @typedef {{ id: string, secret: string }} Credentials of an OAuth client
 *
 * @typedef {object} Environment everything that scenarios use
 * @property {number} seconds duration of a measurement
 * @property {number} processes number of processes of Latchkey and of each peer where they are compared
 * @property {{ url: string, sql: import('pg').Client, pid: number | undefined }} database `pid` is the main process of PostgreSQL, if the run started it
 * @property {Target} service
 * @property {import('./tokens.js').Issuer} issuer
 * @property {import('./tokens.js').User} johndoe the tutorial's user, who has one item
 * @property {() => Promise<string>} token an access token of johndoe
 * @property {() => Promise<import('./tokens.js').User[]>} users 1,000 other users
 * @property {() => ReturnType<typeof addLargeOwner>} largeOwner an owner of 1,000,000 items
 * @property {() => Promise<Credentials>} credentials those of a confidential client
 * @property {() => Promise<string>} client value of the header Authorization for that client
 * @property {() => Promise<import('./fleet.js').Fleet>} fleet further processes of the service
 * @property {() => Promise<Target>} baselines the process of the baseline routes
 */

/**
 * Starts the database and the service. Everything else is created when a scenario first uses it.
 *
 * @param {number} seconds duration of a measurement
 * @param {number} [processes] number of processes of Latchkey and of each peer where they are compared
 * @returns {Promise<Environment>}
 */
export async function setUpEnvironment(seconds, processes = availableParallelism()) {
  shareCoresByProcess()
  const database = await openBenchDatabase()
  const johndoe = await seedUsers(database)
  const service = await startService(database.url)
  const issuer = await openIssuer(database.url, database.sql)
  const token = once(async () => (await issuer.accessTokens([johndoe]))[0] ?? '')
  const names = Array.from({ length: 1000 }, (_, index) => `user-${index}`)
  const credentials = once(() => createClient(database.url))
  return {
    seconds,
    processes,
    database,
    service,
    issuer,
    johndoe,
    token,
    users: once(() => addUsers(database.sql, names)),
    largeOwner: once(() => addLargeOwner(database.sql, issuer)),
    credentials,
    client: once(async () => basic(await credentials())),
    fleet: once(() => startFleet(processes, () => startService(database.url))),
    baselines: once(() => startBaselines(database, johndoe, issuer.publicPem)),
  }
}

/** Returns the path of a program that is measured in a process of its own. @param {string} name */
export function pathOf(name) {
  return join(processes, name)
}

/**
 * Returns a function that creates a value on its first call and returns the same value afterwards.
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

/** @param {Environment['database']} database */
async function seedUsers({ url, sql }) {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  await seed(database).finally(() => database.$disconnect())
  const { rows } = await sql.query("SELECT id, username FROM users WHERE username = 'johndoe'")
  return rows[0]
}

/** Creates a confidential client, which may introspect. @param {string} databaseUrl */
export async function createClient(databaseUrl) {
  const id = `bench-${randomUUID()}`
  const command = `clients create ${id} --name Bench --scope items:read --right introspect`
  const { client_secret: secret } = await runCommand(databaseUrl, command.split(' '))
  return { id, secret: String(secret) }
}

/**
 * @param {Environment['database']} database
 * @param {import('./tokens.js').User} owner
 * @param {string} publicPem
 */
async function startBaselines({ url, sql }, owner, publicPem) {
  const { rows } = await sql.query('SELECT id FROM items WHERE owner_id = $1', [owner.id])
  const port = await findFreePort()
  const task = { port, publicPem, databaseUrl: url, key: [owner.id, rows[0].id] }
  const { child } = start(process.execPath, [pathOf('baselines.js'), JSON.stringify(task)], {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  await waitForResponse(port, '/bare', child)
  return { url: `http://127.0.0.1:${port}`, pid: Number(child.pid) }
}
