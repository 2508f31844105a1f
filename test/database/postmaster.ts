import { once } from 'node:events'
import { existsSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'

/** Returns the process id of the PostgreSQL server that runs on this data directory, or null. */
export function readPid(home: string): number | null {
  const file = pidFile(home)
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : null
}

/** Resolves when no PostgreSQL server runs on this data directory any more. */
export async function untilReleased(home: string): Promise<void> {
  const watcher = watch(join(home, 'cluster'))
  while (existsSync(pidFile(home))) await once(watcher, 'change')
  watcher.close()
}

function pidFile(home: string): string {
  return join(home, 'cluster/postmaster.pid')
}

/** Returns the URL of the embedded PostgreSQL that runs on this data directory. */
export function embeddedUrl(home: string): string {
  const port = readFileSync(pidFile(home), 'utf8').split('\n')[3]
  return `postgresql://latchkey:${readFileSync(join(home, 'password'), 'utf8')}@127.0.0.1:${port}/postgres`
}
