import { authorityOf } from './urls.js'

/** Maximum number of hosts in a database URL. */
const maxHosts = 16

/** Use of a server: to write and read, to read what it has replicated, or only to read. */
export type Purpose = 'writing' | 'replica' | 'reading'

/**
 * Required role of a server, by the names of libpq: a `primary` is not a standby, and `read-write` is a primary without
 * `default_transaction_read_only`.
 */
export type Target = 'any' | 'read-write' | 'primary' | 'standby'

/** Possible targets of a list of hosts. The first is the default. A single host can also be `any`, which is its default. */
const targets: Record<Purpose, readonly [Target, ...Target[]]> = {
  writing: ['read-write', 'primary'],
  replica: ['standby'],
  reading: ['any', 'read-write', 'primary', 'standby'],
}

/** Returns what the server of a URL must be. */
export function targetOf(url: string, purpose: Purpose): Target {
  const given = parametersOf(url).get('target_session_attrs') as Target | null
  return given ?? (hostsOf(url).length > 1 ? targets[purpose][0] : 'any')
}

/**
 * Returns a URL for each host of a URL. As in libpq, a port after a host is that of this host only, and the parameter `port`
 * has one port for all hosts or one for each.
 */
export function splitHosts(url: string): [string, ...string[]] {
  const [first, second, ...others] = hostsOf(url).map((host, index) => withHost(url, host, index))
  return first === undefined || second === undefined ? [url] : [first, second, ...others]
}

/** Returns why the hosts of a URL cannot be used, or null. The reason completes a sentence that begins with the setting. */
export function findHostsProblem(url: string, purpose: Purpose): string | null {
  const hosts = hostsOf(url)
  const ports = portsOf(url)
  if (hosts.length > maxHosts) return `names more than ${maxHosts} hosts`
  if (hosts.length > 1 && hosts.some((host) => /^(:\d*)?$/.test(host)))
    return 'has an empty name in its list of hosts'
  if (ports.length > 1 && ports.length !== hosts.length) return 'has another number of ports than of hosts'
  return findTargetProblem(url, purpose)
}

/** Returns a URL of which a server can be anything. */
export function withAnyTarget(url: string): string {
  return replaceParameter(url, 'target_session_attrs', 'any')
}

function findTargetProblem(url: string, purpose: Purpose): string | null {
  const isSingle = hostsOf(url).length === 1
  const possible = isSingle ? [...new Set<Target>(['any', ...targets[purpose]])] : targets[purpose]
  return possible.includes(targetOf(url, purpose))
    ? null
    : `has an unsupported target_session_attrs: it must be ${possible.join(' or ')}`
}

/** Returns the parameters of a URL. */
export function parametersOf(url: string): URLSearchParams {
  return new URLSearchParams(url.replace(/^[^?]*\??/, ''))
}

function hostsOf(url: string): string[] {
  return (parametersOf(url).get('host') ?? authorityOf(url).replace(/^.*@/s, '')).split(',')
}

/** Returns the ports in the parameter. */
function portsOf(url: string): string[] {
  return parametersOf(url).get('port')?.split(',') ?? []
}

function withHost(url: string, host: string, index: number): string {
  const [port, ...others] = portsOf(url)
  const named = parametersOf(url).has('host')
    ? replaceParameter(url, 'host', host)
    : url.replace(/^(\w+:\/\/(?:[^/?]*@)?)[^/?]*/, (_, beginning: string) => beginning + host)
  return port === undefined ? named : replaceParameter(named, 'port', others[index - 1] ?? port)
}

function replaceParameter(url: string, name: string, value: string): string {
  return url.replace(
    new RegExp(`([?&]${name}=)[^&]*`),
    (_, beginning: string) => beginning + encodeURIComponent(value),
  )
}
