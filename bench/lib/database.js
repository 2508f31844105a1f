import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { startEmbeddedPostgres } from '#dist/src/database/embedded/index.js'
import { migrate } from '#dist/src/database/migrations.js'
import { startTemporaryPostgres } from '../../scripts/temporary-postgres.js'
import { atEnd } from './cleanup.js'
import { parentOf } from './cpu.js'

/**
 * Creates a migrated, empty database for the run, on the server of BENCH_DATABASE_URL or on an embedded one. It is dropped
 * at the end.
 *
 * @returns its URL, a connection to it, and the main process of an embedded server
 */
export async function openBenchDatabase() {
  const external = process.env.BENCH_DATABASE_URL
  const server = external ?? (await startServer())
  const name = `latchkey_bench_${randomUUID().replaceAll('-', '')}`
  await onServer(server, `CREATE DATABASE ${name}`)
  atEnd(() => onServer(server, `DROP DATABASE ${name} WITH (FORCE)`))
  const url = new URL(server)
  url.pathname = `/${name}`
  await migrate(url.href)
  const sql = new pg.Client({ connectionString: url.href })
  sql.on('error', () => {})
  await sql.connect()
  atEnd(() => sql.end())
  return { url: url.href, sql, pid: external ? undefined : await readServerPid(sql) }
}

/** Returns the process that started the one of a connection. @param {pg.Client} sql */
async function readServerPid(sql) {
  const { rows } = await sql.query('SELECT pg_backend_pid() AS pid')
  return parentOf(rows[0].pid)
}

async function startServer() {
  const starting = startTemporaryPostgres(startEmbeddedPostgres, 'latchkey-bench-')
  atEnd(async () => (await starting).stop())
  return (await starting).url
}

/**
 * @param {string} url
 * @param {string} statement
 */
async function onServer(url, statement) {
  const connection = new pg.Client({ connectionString: url })
  await connection.connect()
  await connection.query(statement).finally(() => connection.end())
}
