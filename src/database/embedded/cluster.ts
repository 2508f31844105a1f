import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { StartupError } from '../../startup-error.js'
import { type Account, canEnter, giveTo, sharedDirectory } from './account.js'

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
 * It is made aside and moved into place, so an interrupted first start leaves no half of one. Where the account
 * cannot enter `home`, that becomes a link to a folder of the account's.
 *
 * @throws StartupError when `initdb` fails
 */
export async function ensureCluster(home: string, binaries: string, account: Account): Promise<string> {
  const cluster = join(home, 'cluster')
  if (
    await access(cluster).then(
      () => false,
      () => true,
    )
  )
    await makeCluster(home, binaries, account)
  return realpath(cluster)
}

async function makeCluster(home: string, binaries: string, account: Account): Promise<void> {
  const reachable = canEnter(dirname(home), account)
  const staging = await makeDirectory(reachable ? dirname(home) : sharedDirectory)
  const passwordFile = join(staging, 'password')
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  await giveTo(account, staging)
  await initialise(join(staging, 'cluster'), passwordFile, binaries, account).catch(async (error: Error) => {
    await rm(staging, { recursive: true })
    throw new StartupError(
      `the embedded PostgreSQL could not be set up: ${error.message.trim().split('\n').at(-1)}`,
    )
  })
  if (reachable) return rename(staging, home)
  await rm(home, { force: true })
  await symlink(staging, home)
}

async function makeDirectory(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true })
  if (parent === sharedDirectory) await chmod(parent, 0o755)
  return mkdtemp(join(parent, 'postgres-'))
}

function initialise(
  cluster: string,
  passwordFile: string,
  binaries: string,
  account: Account,
): Promise<unknown> {
  const options = [
    ...['--pgdata', cluster, '--username', superuser, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
  ]
  return run(join(binaries, 'initdb'), options, { ...account, cwd: '/' })
}
