import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../../config/index.js'
import { describeListenError } from '../../lifecycle/listen.js'
import { reasonOf } from '../../lifecycle/reason.js'
import type { Finding } from './finding.js'

/** Time for a service to answer (milliseconds). */
const answerMs = 5_000

/** An address that the service listens on. */
interface Listener {
  host: string
  port: number
  /** Names of the settings of host and port. */
  settings: string
  /** Returns whether a service of ours answers at an origin. */
  isOurs(origin: string): Promise<boolean>
}

/** Checks that a start could listen on HOST and PORT, or that the service does already. */
export function checkAddress({ host, port }: Pick<Config, 'host' | 'port'>): Promise<Finding> {
  return checkListener('address', { host, port, settings: 'HOST and PORT', isOurs: isLatchkey })
}

/** Checks that a start could listen on an address, or that the service does already. */
export async function checkListener(
  check: string,
  { host, port, settings, isOurs }: Listener,
): Promise<Finding> {
  try {
    const probe = createServer().listen({ host, port })
    await once(probe, 'listening')
    probe.close()
    return { state: 'ok', check, explanation: 'free to listen on: the service does not run here' }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' && (await isOurs(localOrigin(host, port))))
      return { state: 'ok', check, explanation: 'the service answers there' }
    return { state: 'fail', check, explanation: describeListenError(error as Error, settings) }
  }
}

/** Checks that clients reach the service under its issuer. */
export async function checkIssuer({ issuer }: Pick<Config, 'issuer'>): Promise<Finding> {
  const check = 'issuer'
  try {
    if ((await readIssuer(issuer)) !== issuer)
      return {
        state: 'fail',
        check,
        explanation: `${issuer} does not lead here: ISSUER must be the address of clients`,
      }
    const { ok, status } = await get(`${issuer}/readyz`)
    if (ok) return { state: 'ok', check, explanation: `the service is ready at ${issuer}` }
    return {
      state: 'fail',
      check,
      explanation: `the service is not ready at ${issuer}: /readyz answers ${status}`,
    }
  } catch (error) {
    return {
      state: 'warn',
      check,
      explanation: `nothing answers at ${issuer}, if it is called from here: ${reasonOf(toCause(error as Error))}`,
    }
  }
}

/** Returns what `fetch` failed for. It names the cause of everything but a timeout. */
function toCause(error: Error): Error {
  return (error.cause as Error | undefined) ?? error
}

/** Returns whether a service of ours answers at an origin. */
async function isLatchkey(origin: string): Promise<boolean> {
  return readIssuer(origin).then(
    (issuer) => typeof issuer === 'string',
    () => false,
  )
}

/** Returns the issuer in the metadata of an authorization server (RFC 8414 §3), or undefined if there are none. */
async function readIssuer(origin: string): Promise<unknown> {
  const response = await get(`${origin}/.well-known/oauth-authorization-server`)
  const metadata = (await response.json().catch(() => null)) as { issuer?: unknown } | null
  return metadata?.issuer
}

/** Sends a request, whose response must arrive within `answerMs`. */
export function get(url: string): Promise<Response> {
  return fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(answerMs) })
}

/** Returns an origin at which a service that listens on a host can be reached from this machine. */
function localOrigin(host: string, port: number): string {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
