import { setTimeout as delay } from 'node:timers/promises'
import type { Service } from '../helpers/service.js'
import { bearer, type Client } from './requests.js'
import type { RevokedToken } from './visitors.js'

/** Pause between the requests of one reader (milliseconds). */
const pauseMs = 30

/** Time after which each process knows of a revocation, or does not trust its memory (milliseconds); see docs/scaling.md. */
const freshnessWindowMs = 100

/** Reads as a caller with a valid token. */
export async function read(
  service: Service,
  token: string,
  client: Client,
  isStopped: () => boolean,
): Promise<void> {
  for (let number = 0; !isStopped(); number++) {
    const path = number % 2 === 0 ? '/users/me/' : '/users/me/items/?limit=1'
    await client.send('read', service, path, { headers: bearer(token) })
    await delay(pauseMs)
  }
}

/** Uses revoked tokens: every other time the newest one, else one after the other. */
export async function useRevoked(
  service: Service,
  tokens: RevokedToken[],
  client: Client,
  isStopped: () => boolean,
): Promise<void> {
  for (let number = 0; !isStopped(); number++) {
    const known = tokens.filter(({ revokedAt }) => performance.now() - revokedAt > freshnessWindowMs)
    const chosen = number % 2 === 0 ? known.at(-1) : known[((number - 1) / 2) % known.length]
    if (chosen)
      await client.send('use a revoked token', service, '/users/me/', { headers: bearer(chosen.token) })
    await delay(pauseMs)
  }
}
