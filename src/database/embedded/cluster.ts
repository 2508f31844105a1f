import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { access, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { type Account, giveTo } from './account.js'
import { killProgram, type Program, startProgram } from './program.js'
import { findReason } from './reason.js'
import { createStaging, finishStaging, removeAbandoned } from './staging.js'

/** Name of the role that owns everything in the embedded server. */
export const superuser = 'latchkey'

/** Returns the password of `superuser`, which is created with the cluster and kept beside it. */
export function readPassword(home: string): Promise<string> {
  return readFile(join(home, 'password'), 'utf8')
}

/** Returns whether there is a database cluster in `home`, or one that only another account can enter. */
export function hasCluster(home: string): Promise<boolean> {
  return access(join(home, 'cluster')).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code === 'EACCES',
  )
}

/**
 * Creates the database cluster in `home` unless it exists, and returns its absolute path.
 *
 * It is created in a temporary directory and moved, so that an interrupted start leaves no incomplete cluster, and that of
 * several starts at the same time one creates the cluster of all. If it cannot be beside `home`, `home` becomes a link
 * to it. Leftovers of starts that were killed are removed.
 *
 * @param place directory for a new cluster, which the account can enter
 * @throws OperatorError when `initdb` fails
 */
export async function ensureCluster(
  home: string,
  place: string,
  binaries: string,
  account: Account,
): Promise<string> {
  await removeAbandoned(place)
  if (!(await hasCluster(home))) await createCluster(home, place, binaries, account)
  await finishStaging(home)
  return realpath(join(home, 'cluster'))
}

async function createCluster(home: string, place: string, binaries: string, account: Account): Promise<void> {
  const staging = await createStaging(place, 'postgres')
  try {
    await initialise(staging, binaries, account)
    await publish(staging, home)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    // Another start may have created the cluster meanwhile.
    if (!(await hasCluster(home))) throw error
  }
}

async function publish(staging: string, home: string): Promise<void> {
  if (dirname(staging) === dirname(home)) return rename(staging, home)
  await symlink(staging, home).catch(async (error: Error) => {
    if (await hasCluster(home)) throw error
    // Replaces a link whose target is gone.
    const link = join(dirname(home), basename(staging))
    await symlink(staging, link)
    await rename(link, home)
  })
}

async function initialise(folder: string, binaries: string, account: Account): Promise<void> {
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  await giveTo(account, folder)
  const initdb = startProgram(account, join(binaries, 'initdb'), [
    `--pgdata=${join(folder, 'cluster')}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ])
  const [log] = await removingOnExit(folder, initdb, Promise.all([text(initdb.stderr), once(initdb, 'exit')]))
  if (initdb.exitCode !== 0)
    throw new OperatorError(`the embedded PostgreSQL could not be set up: ${findReason(log)}`)
}

/** Waits for a program. If this process ends meanwhile, kills the program and removes the directory that it fills. */
async function removingOnExit<T>(directory: string, program: Program, end: Promise<T>): Promise<T> {
  function abandon(): void {
    killProgram(program)
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
  process.once('exit', abandon)
  return end.finally(() => process.off('exit', abandon))
}
