import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'

/** Paths of the service that is called: with the policies `accept` and `refuse` for stale status lists. */
const paths = ['/orders', '/strict/orders'] as const
export type Path = (typeof paths)[number]

/** A span of time (milliseconds since 1970). */
export interface Span {
  from: number
  until: number
}

/** One use of a token. */
export interface Use extends Span {
  path: Path
  /** 0 without an answer. */
  status: number
}

/** A token that is used until the test ends, also after it was revoked. */
export interface Probe {
  what: string
  token: string
  /** Time after its end within which it is refused (milliseconds). */
  promisedMs: number
  uses: Use[]
  /** Time in which it was revoked; null before. */
  revoked: Span | null
}

/** Time between two uses of a token (milliseconds). */
const pauseMs = 200

/** Uses a token at each path, as a service does that never notices that it was revoked. */
export function startProbe(t: Test, origin: string, facts: Omit<Probe, 'uses' | 'revoked'>): Probe {
  const probe: Probe = { ...facts, uses: [], revoked: null }
  const ending = new AbortController()
  t.teardown(() => ending.abort())

  async function keepUsing(path: Path): Promise<void> {
    while (!ending.signal.aborted) {
      const from = Date.now()
      const status = await use(`${origin}${path}`, facts.token)
      probe.uses.push({ path, from, until: Date.now(), status })
      await delay(pauseMs)
    }
  }
  for (const path of paths) void keepUsing(path)
  return probe
}

/** Returns whether the last use at each path has passed. */
export function isAccepted({ uses }: Probe): boolean {
  return paths.every((path) => uses.findLast((use) => use.path === path)?.status === 200)
}

/** Returns whether the last use at each path was refused. */
export function isRefused({ uses }: Probe): boolean {
  return paths.every((path) => uses.findLast((use) => use.path === path)?.status === 401)
}

async function use(url: string, token: string): Promise<number> {
  try {
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    await response.arrayBuffer()
    return response.status
  } catch {
    return 0
  }
}
