import { execFileSync } from 'node:child_process'
import { addresses } from './machine.js'
import type { Network } from './network.js'

/** A network in which machines can be separated. It lasts as long as the processes in it. */
export interface Lan extends Network {
  /** Drops everything between a machine and the other two, but nothing between it and the clients. */
  isolate(machine: string): void
  /** Ends all separations. */
  heal(): void
  /** Takes a machine off the network. */
  unplug(machine: string): void
  plugIn(machine: string): void
}

/** Set in the environment of processes that are in a network namespace of their own. */
const insideVariable = 'LATCHKEY_TEST_INSIDE_NAMESPACE'

/** Whether this process is in a network namespace of its own. */
export const isInside = process.env[insideVariable] === 'yes'

/** Executes a command in namespaces of its own, in which new network namespaces can be named. */
const enterCommand = [
  ...['unshare', '--net', '--mount', 'sh', '-c'],
  'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link set lo up && exec "$@"',
  'sh',
]

/** Command and environment that run this test file again, in a network namespace of its own. */
export const rerun = {
  command: [...enterCommand, process.execPath, ...process.execArgv, ...process.argv.slice(1)],
  env: { ...process.env, [insideVariable]: 'yes' },
}

/** Returns why there can be no such network; false if there can. */
export function findNetworkObstacle(): string | false {
  try {
    const [file, ...args] = [...enterCommand, 'ip', 'netns', 'add', 'probe']
    execFileSync(String(file), args, { stdio: 'ignore' })
    return false
  } catch {
    return 'network namespaces cannot be created here'
  }
}

/** Address of the clients. */
const clientAddress = '10.0.0.21'

/** A hardware address that nobody has. */
const nowhere = '02:00:00:00:00:01'

/** Creates a bridge in the namespace of this process, and a namespace for each machine that is connected to it. */
export function createLan(): Lan {
  ip('link add lan type bridge')
  ip(`address add ${clientAddress}/24 dev lan`)
  ip('link set lan up')
  for (const { name, address } of addresses) {
    ip(`netns add ${name}`)
    ip(`link add ${name} type veth peer name eth0 netns ${name}`)
    ip(`link set ${name} master lan up`)
    ip(`-netns ${name} address add ${address}/24 dev eth0`)
    ip(`-netns ${name} link set eth0 up`)
    ip(`-netns ${name} link set lo up`)
  }

  /** Applies a change to each pair of one machine and another, in both directions. */
  function separate(machine: string, other: (typeof addresses)[number]): void {
    const self = addresses.find(({ name }) => name === machine)
    ip(`-netns ${machine} neighbour replace ${other.address} lladdr ${nowhere} dev eth0 nud permanent`)
    ip(`-netns ${other.name} neighbour replace ${self?.address} lladdr ${nowhere} dev eth0 nud permanent`)
  }

  return {
    translate: (text) => text,
    enter: (machine) => ['ip', 'netns', 'exec', machine],
    isolate(machine) {
      for (const other of addresses) if (other.name !== machine) separate(machine, other)
    },
    heal() {
      for (const { name } of addresses) ip(`-netns ${name} neighbour flush dev eth0 nud permanent`)
    },
    unplug: (machine) => ip(`link set ${machine} down`),
    plugIn: (machine) => ip(`link set ${machine} up`),
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '))
}
