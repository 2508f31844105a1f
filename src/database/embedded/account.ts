import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { chmod, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeDirectory } from '../../files.js'

/** The account that runs PostgreSQL: empty for that of this process, or the ids of another user if this process is root. */
export type Account = { uid?: number; gid?: number }

/** Directory for files that would be out of reach for the server's account in a private directory of root. */
export const sharedDirectory = '/var/lib/latchkey'

const run = promisify(execFile)

/** Returns the account to use. PostgreSQL refuses to run as root, so it runs as the owner of the data, at first `nobody`. */
export async function findAccount(home: string, user = process.geteuid?.()): Promise<Account> {
  if (user !== 0) return {}
  const owner = await stat(join(home, 'cluster')).catch(() => null)
  if (owner?.uid) return { uid: owner.uid, gid: owner.gid }
  const id = (option: string) => Number(execFileSync('id', [option, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** Returns the directory or, if the account cannot enter it, a shared one that every account can. */
export async function chooseReachable(
  directory: string,
  account: Account,
  shared = sharedDirectory,
): Promise<string> {
  if (canEnter(directory, account)) return directory
  await makeDirectory(shared)
  await chmod(shared, 0o755)
  return shared
}

/** Returns whether the account may enter the directory and all directories above it. */
function canEnter(directory: string, account: Account): boolean {
  const probe = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], {
    ...account,
    cwd: '/',
    stdio: 'ignore',
  })
  return probe.status === 0
}

/** Makes the account the owner of a directory and its contents, unless it is the account of this process. */
export async function giveTo(account: Account, tree: string): Promise<void> {
  if (account.uid !== undefined) await run('chown', ['-R', `${account.uid}:${account.gid}`, tree])
}
