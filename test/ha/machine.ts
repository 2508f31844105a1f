import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { readRecipe, readVariables } from './files.js'
import type { Network } from './network.js'
import { account, findProcesses, giveToAccount, type Program, startProgram } from './programs.js'

/** A machine in the files of deploy/ha/. */
interface MachineAddress {
  name: string
  address: string
}

/** The machines in the files of deploy/ha/. */
export const addresses: MachineAddress[] = [
  { name: 'db1', address: '10.0.0.11' },
  { name: 'db2', address: '10.0.0.12' },
  { name: 'db3', address: '10.0.0.13' },
]

/** A machine with etcd, Patroni and PostgreSQL. Each program that is killed can be started again. */
export interface Machine {
  name: string
  /** Address of Patroni's interface. */
  patroniUrl: string
  /** Folder of the socket of PostgreSQL. */
  folder: string
  /** Files with what etcd prints, and Patroni and PostgreSQL. */
  logs: string[]
  startEtcd(): void
  killEtcd(): Promise<void>
  /** Starts Patroni, which starts PostgreSQL. It is started again when it ends, as systemd does. */
  startPatroni(): void
  /** Kills everything on the machine, as a power failure would. */
  kill(): Promise<void>
  /** Sends a signal to all processes of the machine. */
  signal(signal: NodeJS.Signals): Promise<void>
  /** Sends a signal to all processes of PostgreSQL. */
  signalPostgres(signal: NodeJS.Signals): Promise<void>
}

/** Prepares a machine, of which nothing runs yet. */
export async function prepareMachine(
  t: Test,
  { name, address }: MachineAddress,
  network: Network,
  parent: string,
): Promise<Machine> {
  const folder = join(parent, name)
  const data = join(folder, 'data')
  const configuration = join(folder, 'patroni.yml')
  const here = { THIS_NAME: name, THIS_ADDRESS: address }
  const read = (file: string, replacements: Record<string, string>) =>
    network.translate(readRecipe(file, replacements))

  await mkdir(folder)
  const patroni = read('patroni.yml', {
    '/var/lib/postgresql/15/latchkey': data,
    '/var/lib/postgresql': folder,
    '/var/run/postgresql': folder,
    'username: postgres': `username: ${account}`,
  })
  await writeFile(configuration, patroni)
  await giveToAccount(folder)
  const secrets = { SECRET_OF_REPLICATOR: 'replicator', SECRET_OF_REWIND: 'rewind' }
  const patroniVariables = readVariables(read('patroni_env.conf', { ...here, ...secrets }))
  const etcdVariables = {
    ...readVariables(read('etcd', here)),
    ETCD_DATA_DIR: join(folder, 'etcd'),
  }
  const enter = network.enter(name)
  const etcdLog = join(folder, 'etcd.log')
  const patroniLog = join(folder, 'patroni.log')
  let etcd: Program | undefined
  let supervisor: Program | undefined

  return {
    name,
    patroniUrl: network.translate(`http://${address}:8008`),
    folder,
    logs: [etcdLog, patroniLog],
    startEtcd() {
      etcd = startProgram(t, { command: ['etcd'], env: etcdVariables, enter, log: etcdLog })
    },
    async killEtcd() {
      await etcd?.kill()
    },
    startPatroni() {
      const command = ['patroni', configuration]
      supervisor = startProgram(t, {
        command,
        env: patroniVariables,
        enter,
        log: patroniLog,
        isRestarted: true,
      })
    },
    async kill() {
      await Promise.all([supervisor?.kill(), etcd?.kill()])
    },
    async signal(signal) {
      await Promise.all([supervisor?.signal(signal), etcd?.signal(signal)])
    },
    async signalPostgres(signal) {
      // All of them work in the folder of its data.
      for (const pid of await findProcesses('cwd', data)) signalProcess(pid, signal)
    },
  }
}

/** Signals a process that may have ended meanwhile, as those of PostgreSQL do when one of them is killed. */
function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
