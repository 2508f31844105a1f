import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findAccount, giveTo } from '#dist/src/database/embedded/account.js'
import { findFreePort } from '#dist/src/database/embedded/port.js'
import { isInstalled, start } from './children.js'
import { atEnd } from './cleanup.js'

const pollMs = 20

/**
 * Starts PgBouncer with transaction pooling.
 *
 * @param {string} databaseUrl
 * @returns the URL of the same database behind it, or null if PgBouncer is not installed
 */
export async function startPgbouncer(databaseUrl) {
  if (!(await isInstalled('pgbouncer'))) return null
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pgbouncer-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const port = await findFreePort()
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(file, settings(new URL(databaseUrl), port))
  // PgBouncer refuses to run as root, as PostgreSQL does.
  const account = await findAccount(folder)
  await giveTo(account, folder)
  const { child } = start('pgbouncer', ['--quiet', file], account)
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with status ${child.exitCode}`)
    await delay(pollMs)
  }
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  return url.href
}

/**
 * @param {URL} url
 * @param {number} port
 */
function settings({ hostname, port: serverPort, pathname, username, password }, port) {
  const name = pathname.slice(1)
  const server = `host=${hostname} port=${serverPort || 5432} dbname=${name}`
  const account = `user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}`
  return `[databases]
${name} = ${server} ${account}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
server_reset_query =
ignore_startup_parameters = extra_float_digits,options
`
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
