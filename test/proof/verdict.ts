import type { Path, Probe, Span, Use } from './probes.js'

/** What is promised, and what happened besides. Times are in milliseconds. */
export interface Circumstances {
  /** Times in which Latchkey could not be reached. */
  outages: readonly Span[]
  /** Time from the end of an outage until the service has fetched its documents again. */
  recoveryMs: number
  /** Time by which this machine can have delayed everything. */
  slackMs: number
}

/** Returns the uses of a token that passed too late, or did not pass in time, each as a line. */
export function findWrongUses(probe: Probe, circumstances: Circumstances): string[] {
  return probe.uses
    .filter((use) => isWrong(use, probe, circumstances))
    .map(({ path, from, status }) => {
      const offset = probe.revoked ? ` ${Math.round(from - probe.revoked.until)} ms after its end` : ''
      return `${probe.what}: ${path} answered ${status}${offset}`
    })
}

/** Returns the longest time for which a token was accepted after its end, while Latchkey could be reached or not. */
export function longestAcceptanceMs(probes: readonly Probe[]): number {
  const times = probes.flatMap(({ uses, revoked }) =>
    uses.map(({ from, status }) => (revoked && status === 200 ? from - revoked.until : 0)),
  )
  return Math.max(...times)
}

function isWrong({ path, from, until, status }: Use, probe: Probe, circumstances: Circumstances): boolean {
  const { revoked } = probe
  if (revoked === null || until < revoked.from) return !expectedBefore[path].includes(status)
  if (from > lastAcceptable(path, probe, circumstances)) return status === 200
  return ![200, 401, 503].includes(status)
}

/** Statuses of a valid token: the policy `refuse` answers with 503 while no current list can be had. */
const expectedBefore: Record<Path, number[]> = { '/orders': [200], '/strict/orders': [200, 503] }

/**
 * Returns the time after which a revoked token must not pass. With the policy `accept`, the promise holds while Latchkey can be
 * reached: after an outage its time begins anew.
 */
function lastAcceptable(path: Path, { revoked, promisedMs }: Probe, circumstances: Circumstances): number {
  const { outages, recoveryMs, slackMs } = circumstances
  const { from, until } = revoked as Span
  const last = until + promisedMs + slackMs
  if (path === '/strict/orders') return last
  return outages
    .filter((outage) => outage.until > from)
    .reduce(
      (late, outage) => (outage.from < late ? outage.until + recoveryMs + promisedMs + slackMs : late),
      last,
    )
}
