import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, mkdtemp, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { type Account, giveTo } from './account.js'
import { findReason } from './reason.js'

const run = promisify(execFile)

/** The role that owns everything in the embedded server. */
export const superuser = 'latchkey'

/** The password of `superuser`, made with the cluster and kept beside it. */
export function readPassword(home: string): Promise<string> {
  return readFile(join(home, 'password'), 'utf8')
}

/**
 * Makes the database cluster in `home` unless it is there, and returns its absolute path.
 *
 * It is made aside and moved into place, so an interrupted first start leaves no half of one. Where it cannot be
 * beside `home`, that becomes a link to it.
 *
 * @param place a folder that the account can enter, on a first start to make the cluster in
 * @throws OperatorError when `initdb` fails
 */
export async function ensureCluster(
  home: string,
  place: string,
  binaries: string,
  account: Account,
): Promise<string> {
  const cluster = join(home, 'cluster')
  await access(cluster).catch(() => makeCluster(home, place, binaries, account))
  return realpath(cluster)
}

async function makeCluster(home: string, place: string, binaries: string, account: Account): Promise<void> {
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
    ...['--pgdata', join(folder, 'cluster'), '--username', superuser, '--pwfile', passwordFile],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8'],
    ...['--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
  ]
  await run(join(binaries, 'initdb'), options, { ...account, cwd: '/' }).catch((error: Error) => {
    throw new OperatorError(`the embedded PostgreSQL could not be set up: ${findReason(error.message)}`)
  })
}
