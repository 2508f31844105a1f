import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** Where the machines of a cluster are: replaces the addresses and ports in the files of deploy/ha/. */
export interface Network {
  /** Replaces addresses and ports. */
  translate(text: string): string
  /** Returns the command that enters the network of a machine. */
  enter(machine: string): string[]
}

/** Ports in the files: clients and peers of etcd, PostgreSQL, Patroni, and HAProxy. */
const filePorts = [2379, 2380, 5432, 8008, 5000]

/** Returns a network of loopback addresses, with free ports. */
export async function loopback(): Promise<Network> {
  const ports = await findPorts()
  const anyPort = new RegExp(`\\b(${filePorts.join('|')})\\b`, 'g')
  return {
    translate: (text) =>
      text.replaceAll('10.0.0.', '127.0.0.').replace(anyPort, (port) => String(ports.get(port))),
    enter: () => [],
  }
}

/**
 * Ports from which the kernel takes none for a connection or for a server that names none. A port stays free until its program
 * starts, some of them after a minute, and while the program is down.
 */
const assignedPorts = { first: 20_000, end: 32_768 }

/** Returns ports on which nothing listens, by those in the files. */
async function findPorts(): Promise<Map<string, number>> {
  const servers = new Map<number, Server>()
  while (servers.size < filePorts.length) {
    const port = randomInt(assignedPorts.first, assignedPorts.end)
    const server = createServer()
    const isFree = await once(server.listen(port, '0.0.0.0'), 'listening').then(
      () => true,
      () => false,
    )
    if (isFree) servers.set(port, server)
  }
  for (const server of servers.values()) await new Promise((resolve) => server.close(resolve))
  return new Map([...servers.keys()].map((port, index) => [String(filePorts[index]), port]))
}
