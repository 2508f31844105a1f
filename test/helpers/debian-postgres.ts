import { type SpawnSyncOptions, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from './free-port.js'

/** Programs of Debian 12's PostgreSQL. */
export const debianPrograms = '/usr/lib/postgresql/15/bin'

/** Says why tests with Debian's PostgreSQL are skipped, if they are. */
export const withoutDebianPostgres = existsSync(join(debianPrograms, 'pg_ctl'))
  ? false
  : 'PostgreSQL 15 of Debian is not installed'

/** Starts a server of Debian's PostgreSQL. It stops with the test. Returns the URL of its database `postgres`. */
export async function startDebianPostgres(t: Test): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-debian-'))
  chmodSync(folder, 0o777)
  const data = join(folder, 'data')
  const port = await freePort()
  t.teardown(() => {
    run('pg_ctl', ['stop', '--pgdata', data, '--mode', 'immediate'])
    rmSync(folder, { recursive: true, force: true })
  })
  run('initdb', [
    '--pgdata',
    data,
    '--username',
    'postgres',
    '--auth',
    'trust',
    '--no-sync',
    '--encoding',
    'UTF8',
  ])
  const options = `-c port=${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`
  run('pg_ctl', ['start', '--pgdata', data, '--wait', '--log', join(folder, 'log'), '--options', options])
  return `postgresql://postgres@127.0.0.1:${port}/postgres`
}

/** Runs a program of PostgreSQL, which refuses to run as root. */
function run(program: string, args: string[]): void {
  const command = [join(debianPrograms, program), ...args]
  const [name = '', ...rest] =
    process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', ...command] : command
  const options: SpawnSyncOptions = { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' }
  const { status, stderr } = spawnSync(name, rest, options)
  if (status !== 0) throw new Error(`${program}: ${stderr}`)
}
