import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Test } from 'tap'

/** Programs of Debian 12 that the suite needs, by the package that has them. */
const required = {
  'postgresql-15': '/usr/lib/postgresql/15/bin/postgres',
  patroni: '/usr/bin/patroni',
  'etcd-server': '/usr/bin/etcd',
  haproxy: '/usr/sbin/haproxy',
}

const isRoot = process.getuid?.() === 0

/** Account that runs the programs. PostgreSQL refuses root. */
export const account = isRoot ? 'postgres' : userInfo().username

/** Creates a namespace of process ids, all of whose processes the kernel kills when the first one ends. */
const namespace = [
  'unshare',
  ...(isRoot ? [] : ['--user', '--map-current-user']),
  ...['--pid', '--fork', '--kill-child', '--mount-proc'],
]

/** First process of a namespace. It ends with the program, and when its standard input closes, as it does when the test is killed. */
const firstProcess = 'exec 3<&0; "$@" & cat <&3 >/dev/null & wait -n'

/** Returns why the suite cannot run here; false if it can. */
export function findObstacle(): string | false {
  const missing = Object.entries(required).filter(([, path]) => !existsSync(path))
  if (missing.length > 0) return `not installed: ${missing.map(([name]) => name).join(' ')}`
  try {
    execFileSync(String(namespace[0]), [...namespace.slice(1), ...asAccount(['true'])], { stdio: 'ignore' })
    return false
  } catch {
    return 'processes cannot be put into a namespace here'
  }
}

/** Returns a command that is executed as the unprivileged account. */
export function asAccount(command: string[]): string[] {
  if (!isRoot) return command
  return ['setpriv', `--reuid=${account}`, `--regid=${account}`, '--init-groups', ...command]
}

/** A program that runs with all processes that it starts in a namespace of its own. */
export interface Program {
  /** Kills all of them at once, as a power failure would. */
  kill(): Promise<void>
  /** Sends a signal to all of them. */
  signal(signal: NodeJS.Signals): Promise<void>
}

/** How a program is started. */
interface Start {
  command: string[]
  env?: Record<string, string>
  /** Command that enters the machine's network. */
  enter: string[]
  /** File for what the program prints. */
  log: string
  /** Whether it is started again when it ends. */
  isRestarted?: boolean
}

/** Time after which a program that has ended is started again (milliseconds). */
const restartAfterMs = 1_000

/** Starts a program as the unprivileged account. It ends with the test. */
export function startProgram(t: Test, start: Start): Program {
  let isWanted = true
  let child = launch(start)
  async function supervise(): Promise<void> {
    await once(child, 'close')
    while (isWanted && start.isRestarted) {
      await delay(restartAfterMs)
      if (!isWanted) return
      child = launch(start)
      await once(child, 'close')
    }
  }
  const ended = supervise()
  async function kill(): Promise<void> {
    isWanted = false
    child.stdin?.destroy()
    await ended
  }
  t.teardown(kill)
  return {
    kill,
    async signal(signal) {
      const namespace = await readlink(`/proc/${child.pid}/ns/pid_for_children`)
      for (const pid of await findProcesses('ns/pid', namespace)) process.kill(pid, signal)
    },
  }
}

function launch({ command, env = {}, enter, log }: Start): ChildProcess {
  const [file, ...args] = [...enter, ...namespace, 'bash', '-c', firstProcess, 'bash', ...asAccount(command)]
  const output = openSync(log, 'a')
  const child = spawn(String(file), args, {
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...env },
    cwd: '/',
    stdio: ['pipe', output, output],
  })
  closeSync(output)
  return child
}

/** Returns the ids of the processes of which an entry in /proc leads to a place. */
export async function findProcesses(entry: 'cwd' | 'ns/pid', place: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const places = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/${entry}`).catch(() => '')))
  return pids.filter((_pid, index) => places[index] === place).map(Number)
}

/** Makes the unprivileged account the owner of a folder and its contents. */
export async function giveToAccount(folder: string): Promise<void> {
  if (isRoot) await promisify(execFile)('chown', ['-R', `${account}:${account}`, folder])
}
