import { type Purpose, type Target, targetOf } from '../../config/database-hosts.js'
import { type Address, addressesOf } from '../../config/database-url.js'
import { reasonOf } from '../../lifecycle/reason.js'

/** The servers of a database URL, and which of them was usable last. The connections of a pool share it. */
export interface Servers {
  /** Required role of a server. */
  readonly target: Target
  /** Name of the server that was usable last; null if there was none, or if it has turned out to be read-only. */
  readonly current: string | null
  /**
   * Returns the addresses in the order in which they are tried: the one that was usable last, so that not every connection
   * pays for a failed server, then the others as in the URL.
   */
  inOrder(): [Address, ...Address[]]
  /** Notes that a server is usable. */
  use(server: string): void
  /** Notes that a server is not usable any more. */
  leave(server: string | null): void
  /** Adds a listener for when another server is used, or none. */
  onChange(listener: () => void): void
}

/** Reads the servers of a URL. */
export function serversOf(url: string, purpose: Purpose = 'writing'): Servers {
  const addresses = addressesOf(url)
  const [first] = addresses
  const listeners: (() => void)[] = []
  let current: string | null = null

  function change(server: string | null): void {
    if (server === current) return
    current = server
    for (const listener of listeners) listener()
  }

  return {
    target: targetOf(url, purpose),
    get current() {
      return current
    },
    inOrder() {
      const isCurrent = (address: Address) => nameOf(address) === current
      const last = addresses.find(isCurrent) ?? first
      return [last, ...addresses.filter((address) => address !== last)]
    },
    use: change,
    leave(server) {
      if (server === current) change(null)
    },
    onChange(listener) {
      listeners.push(listener)
    },
  }
}

/** Returns the name of a server in messages. */
export function nameOf({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** A server that could not be used, and the reason. */
export interface ServerFailure {
  server: string
  error: Error & { code?: string }
}

/** Thrown when none of several servers can be used. */
export class NoUsableServer extends Error {
  readonly failures: readonly ServerFailure[]

  constructor(failures: readonly ServerFailure[]) {
    const reasons = failures.map(({ server, error }) => `${server}: ${reasonOf(error)}`)
    super(`no server is usable (${reasons.join('; ')})`)
    this.failures = failures
  }
}

/** Thrown for a server that is not what the connection needs. */
export class UnsuitableServer extends Error {}
