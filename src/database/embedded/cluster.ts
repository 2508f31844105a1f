import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, mkdtemp, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { type Account, giveTo } from './account.js'
import { findReason } from './reason.js'

const run = promisify(execFile)

/** Name of the role that owns everything in the embedded server. */
export const superuser = 'latchkey'

/** Returns the password of `superuser`, which is created with the cluster and kept beside it. */
export function readPassword(home: string): Promise<string> {
  return readFile(join(home, 'password'), 'utf8')
}

/** Returns whether there is a database cluster in `home`. */
export function hasCluster(home: string): Promise<boolean> {
  return access(join(home, 'cluster')).then(
    () => true,
    () => false,
  )
}

/**
 * Creates the database cluster in `home` unless it exists, and returns its absolute path.
 *
 * It is created in a temporary directory and moved, so that an interrupted start leaves no incomplete cluster. If it
 * cannot be beside `home`, `home` becomes a link to it.
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
  const cluster = join(home, 'cluster')
  await access(cluster).catch(() => createCluster(home, place, binaries, account))
  return realpath(cluster)
}

async function createCluster(home: string, place: string, binaries: string, account: Account): Promise<void> {
  const staging = await mkdtemp(join(place, 'postgres-'))
  try {
    await initialise(staging, binaries, account)
    if (place === dirname(home)) return await rename(staging, home)
    await rm(home, { force: true })
    await symlink(staging, home)
  } catch (error) {
    await rm(staging, { recursive: true })
    throw error
  }
}

async function initialise(folder: string, binaries: string, account: Account): Promise<void> {
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  await giveTo(account, folder)
  const options = [
    `--pgdata=${join(folder, 'cluster')}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ]
  await run(join(binaries, 'initdb'), options, { ...account, cwd: '/' }).catch((error: Error) => {
    throw new OperatorError(`the embedded PostgreSQL could not be set up: ${findReason(error.message)}`)
  })
}
