import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Who runs PostgreSQL: nothing for whoever runs us, or the ids of an unprivileged user when that is root. */
export type Account = { uid?: number; gid?: number }

/** Where root keeps what the server's account could not reach below a folder of root's own. */
const sharedDirectory = '/var/lib/latchkey'

const run = promisify(execFile)

/** PostgreSQL refuses to run as root: it then runs as the data's owner, at first as `nobody`. */
export async function findAccount(home: string, user = process.geteuid?.()): Promise<Account> {
  if (user !== 0) return {}
  const owner = await stat(join(home, 'cluster')).catch(() => null)
  if (owner?.uid) return { uid: owner.uid, gid: owner.gid }
  const id = (option: string) => Number(execFileSync('id', [option, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** The directory or, where the account cannot enter it, a shared one that everybody can. */
export async function chooseReachable(
  directory: string,
  account: Account,
  shared = sharedDirectory,
): Promise<string> {
  if (canEnter(directory, account)) return directory
  await mkdir(shared, { recursive: true })
  await chmod(shared, 0o755)
  return shared
}

/** Whether the account may enter the directory, and so all those above it. */
function canEnter(directory: string, account: Account): boolean {
  const probe = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], {
    ...account,
    cwd: '/',
    stdio: 'ignore',
  })
  return probe.status === 0
}

/** Makes the account the owner of the whole tree; nothing to do when it is our own. */
export async function giveTo(account: Account, tree: string): Promise<void> {
  if (account.uid !== undefined) await run('chown', ['-R', `${account.uid}:${account.gid}`, tree])
}
