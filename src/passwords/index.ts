import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/index.js'
import { tutorialPasswords } from '../config/production.js'
import { ServiceError } from '../errors.js'
import { hashPassword, verifyPassword } from './bcrypt.js'
import { createBulkhead } from './bulkhead.js'
import { findHighestCost } from './highest-cost.js'
import { consumeAttempt, findRetryAfter, rateLimitKeys, recordSuccess } from './throttle.js'

/** Somebody says that this is the password of that user. */
interface LoginAttempt {
  username: string
  password: string
  /** Undefined when nobody has that name. */
  hash: string | undefined
  /** Network address that the guess comes from, in its canonical spelling; null where the peer has none. */
  address: string | null
}

declare module 'fastify' {
  interface FastifyInstance {
    passwords: Passwords
  }
}

/** All that hashes passwords: so much at once, and no more guesses than the budgets allow. */
export interface Passwords {
  /** To be asked before anything is read for a guess. @throws ServiceError `service_unavailable` when it is in vain */
  requireCapacity(): void
  /** @throws ServiceError `service_unavailable` when there is too much to hash */
  hash(password: string): Promise<string>
  /**
   * Whether the guess is right.
   *
   * @throws ServiceError `too_many_attempts` when the network has to wait, `service_unavailable`
   */
  check(guess: LoginAttempt): Promise<boolean>
}

/** So many wait for their turn at most, and for so long (milliseconds). */
const [maxWaiting, deadlineMs] = [64, 5_000]

/** Registers `app.passwords`. @param readMacKey returns the key of the digests that guesses are counted by */
export function registerPasswords(
  app: FastifyInstance,
  config: Config,
  readMacKey: () => Promise<Buffer>,
): void {
  const { database } = app
  const { bcryptCost, loginFailureBudgets, hashingConcurrency: concurrency } = config
  const { run, requireCapacity } = createBulkhead({ concurrency, maxWaiting, deadlineMs })

  app.decorate('passwords', {
    requireCapacity,

    hash(password) {
      return run(() => hashPassword(password, bcryptCost))
    },

    async check({ username, password, hash, address }) {
      const ledger = rateLimitKeys(username, address, await readMacKey(), loginFailureBudgets)
      const [wait, highestCost] = await Promise.all([
        findRetryAfter(ledger, database),
        findHighestCost(database),
      ])
      refuseThrottled(wait)
      // Charged only when it is its turn: guesses that wait are none yet.
      const isRight = await run(async function guess() {
        const { retryAfter, isLockedOut } = await consumeAttempt(ledger, database)
        refuseThrottled(retryAfter)
        // The same work, whatever the answer will be.
        const isRefused = isLockedOut || (config.production && tutorialPasswords.get(username) === password)
        return verifyPassword(password, isRefused ? undefined : hash, Math.max(bcryptCost, highestCost))
      })
      if (isRight) await recordSuccess(ledger, database)
      return isRight
    },
  })
}

function refuseThrottled(retryAfter: number): void {
  if (retryAfter > 0) throw new ServiceError('too_many_attempts', { 'retry-after': String(retryAfter) })
}
