import pg from 'pg'
import { startEmbeddedPostgres } from '#dist/src/database/embedded/index.js'
import { migrate } from '#dist/src/database/migrations.js'
import { startTemporaryPostgres } from '../../scripts/temporary-postgres.js'
import { atEnd } from '../lib/cleanup.js'
import { findStablePort } from './ports.js'

/** @typedef {Awaited<ReturnType<typeof openSoakDatabase>>} SoakDatabase */

/** Starts an embedded PostgreSQL that can be restarted, with a migrated, empty database. */
export async function openSoakDatabase() {
  const port = await findStablePort()
  /** @type {() => Promise<Awaited<ReturnType<typeof startEmbeddedPostgres>>>} */
  let start
  /** @type {Awaited<ReturnType<typeof startEmbeddedPostgres>>} */
  let server
  const starting = startTemporaryPostgres(async (home, settings = []) => {
    start = () => startEmbeddedPostgres(home, [...settings, `port=${port}`])
    server = await start()
    return { ...server, stop: () => server.stop() }
  }, 'latchkey-soak-')
  atEnd(async () => (await starting).stop())
  const url = new URL((await starting).url)
  url.port = String(port)
  await migrate(url.href)
  return {
    url: url.href,

    /** Restarts the server in the mode `fast`: it rolls back what is under way and ends all connections. */
    async restart() {
      await server.stop()
      server = await start()
    },

    /**
     * Does something over a connection of its own.
     *
     * @template T
     * @param {(sql: pg.Client) => Promise<T>} work
     */
    async use(work) {
      const sql = new pg.Client({ connectionString: url.href })
      await sql.connect()
      return work(sql).finally(() => sql.end())
    },
  }
}
