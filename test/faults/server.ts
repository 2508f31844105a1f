import { join } from 'node:path'
import type { Test } from 'tap'
import { seed } from '../../prisma/seed.js'
import { openDatabase } from '../../src/database/client.js'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded/index.js'
import { migrate } from '../../src/database/migrations.js'
import { makeFolder } from '../database/folder.js'
import { readPid } from '../database/postmaster.js'
import { query } from '../database/query.js'
import { type DatabaseProxy, startProxy } from '../helpers/proxy.js'
import { cheapHash } from '../helpers/replicas.js'

/** A PostgreSQL server of one test for injecting faults. Its address stays the same over restarts. */
export interface FragileServer {
  /** Leads through the proxy. */
  url: string
  /** Leads past the proxy; it changes with a restart. */
  readonly directUrl: string
  proxy: DatabaseProxy
  /** Executes a statement on the server. */
  query(sql: string): Promise<Record<string, unknown>[]>
  stop(): Promise<void>
  /** Kills all its processes, as a power failure would. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Suspends all its processes. */
  pause(): Promise<void>
  resume(): void
}

/** Starts a migrated and seeded server, with johndoe's password hashed at the lowest cost. */
export async function startFragileServer(
  t: Test,
  settings: string[] = [],
  place?: string,
): Promise<FragileServer> {
  const home = join(place ?? (await makeFolder(t)), 'postgres')
  let running: EmbeddedPostgres
  running = await startEmbeddedPostgres(home, settings)
  await migrate(running.url)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, running.url)
  await seed(database)
  await database.$disconnect()
  await query(running.url, 'UPDATE users SET hashed_password = $1, rehashed_at = now()', [cheapHash])
  const proxy = await startProxy(t, running.url)
  let paused: number[] = []
  function resume(): void {
    for (const pid of paused.splice(0)) process.kill(pid, 'SIGCONT')
  }
  t.teardown(async () => {
    resume()
    await running.stop()
  })

  const server: FragileServer = {
    url: proxy.url,
    get directUrl() {
      return running.url
    },
    proxy,
    query: (sql) => query(running.url, sql),
    stop: () => running.stop(),
    async kill() {
      const pid = readPid(home) as number
      process.kill(pid, 'SIGKILL')
      await untilGone(pid)
      await running.stop()
    },
    async start() {
      running = await startEmbeddedPostgres(home, settings)
      proxy.leadTo(running.url)
    },
    async pause() {
      // Each process leads its own session, so there is no group to signal.
      const sessions = await query<{ pid: number }>(
        running.url,
        'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
      )
      paused = [readPid(home) as number, ...sessions.map(({ pid }) => pid)]
      for (const pid of paused) process.kill(pid, 'SIGSTOP')
    },
    resume,
  }
  return server
}

async function untilGone(pid: number): Promise<void> {
  for (;;)
    try {
      process.kill(pid, 0)
      await new Promise((resolve) => setTimeout(resolve, 10))
    } catch {
      return
    }
}
