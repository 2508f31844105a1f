import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Who runs PostgreSQL: nothing for whoever runs us, or the ids of an unprivileged user when that is root. */
export type Account = { uid?: number; gid?: number }

/** Where root keeps what the server's account could not reach below a folder of root's own. */
export const sharedDirectory = '/var/lib/latchkey'

const run = promisify(execFile)

/** PostgreSQL refuses to run as root: it then runs as the data's owner, at first as `nobody`. */
export async function findAccount(home: string): Promise<Account> {
  if (process.getuid?.() !== 0) return {}
  const owner = await stat(join(home, 'cluster')).catch(() => null)
  if (owner) return { uid: owner.uid, gid: owner.gid }
  const id = (option: string) => Number(execFileSync('id', [option, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** Whether the account may enter the directory, and so all those above it. */
export function canEnter(directory: string, account: Account): boolean {
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
