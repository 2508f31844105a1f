import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { Config } from '../config/index.js'
import { tutorialPasswords } from '../config/production.js'
import { ServiceError } from '../errors.js'
import { traced } from '../tracing/span.js'
import { createBulkhead } from './bulkhead.js'
import { hashPassword } from './hash-password.js'
import { findStoredWork } from './stored-work.js'
import { consumeAttempt, findRetryAfter, rateLimitKeys, recordSuccess } from './throttle.js'
import { verifyPassword } from './verify.js'

/** A password that a caller presents for a user. */
interface PasswordAttempt {
  username: string
  password: string
  /** Stored hash of the user's password; undefined when there is no such user. */
  hash: string | undefined
  /** Network address of the caller in its canonical spelling, or null when the peer has none. */
  address: string | null
}

declare module 'fastify' {
  interface FastifyInstance {
    passwords: Passwords
  }
}

/** Hashes and checks passwords, within the limits of a bulkhead and of the login failure budgets. */
export interface Passwords {
  /** Lets a request fail before it reads anything. @throws ServiceError `service_unavailable` when too many wait */
  requireCapacity(): void
  /** @throws ServiceError `service_unavailable` when too many passwords are waiting */
  hash(password: string): Promise<string>
  /**
   * Whether the presented password is correct.
   *
   * @throws ServiceError `too_many_attempts` when the network has to wait, `service_unavailable` when too many wait
   */
  check(attempt: PasswordAttempt): Promise<boolean>
}

/** Settings of this wing. */
type PasswordsConfig = Pick<
  Config,
  'bcryptCost' | 'loginFailureBudgets' | 'hashingConcurrency' | 'production'
>

/** Maximum number of passwords that wait to be hashed. */
const maxWaiting = 64
/** Maximum time that a password waits to be hashed (milliseconds). */
const deadlineMs = 5_000

/** Registers `app.passwords`. Attempts are counted under digests by the MAC key. */
export const passwords = plugin(registerPasswords, {
  name: 'passwords',
  dependencies: ['mac-key', 'metrics'],
})

async function registerPasswords(
  app: FastifyInstance,
  { config }: { config: PasswordsConfig },
): Promise<void> {
  const { database, metrics } = app
  const { bcryptCost, loginFailureBudgets, hashingConcurrency: concurrency } = config
  const { run, requireCapacity, running, waiting } = createBulkhead({
    concurrency,
    maxWaiting,
    deadlineMs,
    onRefusal: (reason) => metrics.hashingRejected.add({ reason }),
  })
  metrics.hashingRunning.observe({}, running)
  metrics.hashingWaiting.observe({}, waiting)
  metrics.hashingConcurrency.observe({}, () => concurrency)

  /** Measures a task that hashes, and runs it in a span. */
  function observe<T>(operation: 'hash' | 'verify', task: () => Promise<T>): Promise<T> {
    return traced(
      () => ({ name: `${operation} password` }),
      () => metrics.hashing.time({ operation }, task),
    )
  }

  function refuseThrottled(retryAfter: number): void {
    if (retryAfter <= 0) return
    metrics.throttled.add({ of: 'network' })
    throw new ServiceError('too_many_attempts', { 'retry-after': String(retryAfter) })
  }

  /** In production, the published passwords of the tutorial's users are never correct. */
  function isPublished(username: string, password: string): boolean {
    return config.production && tutorialPasswords.get(username) === password
  }

  app.decorate('passwords', {
    requireCapacity,

    hash(password) {
      return run(() => observe('hash', () => hashPassword(password, bcryptCost)))
    },

    async check({ username, password, hash, address }) {
      const keys = rateLimitKeys(username, address, await app.readMacKey(), loginFailureBudgets)
      const [retryAfter, { shared: storedWork }] = await Promise.all([
        findRetryAfter(keys, database),
        findStoredWork(bcryptCost, database),
      ])
      refuseThrottled(retryAfter)
      return run(async function attempt() {
        // Consumed here and not before, as an attempt that still waits may come to nothing.
        const { retryAfter, isLockedOut } = await consumeAttempt(keys, database)
        refuseThrottled(retryAfter)
        if (isLockedOut) metrics.throttled.add({ of: 'account' })
        // A refused password takes the same work, so that the response time does not reveal the reason.
        const isRefused = isLockedOut || isPublished(username, password)
        const comparedHash = isRefused ? undefined : hash
        const isCorrect = await observe('verify', () => verifyPassword(password, comparedHash, storedWork))
        metrics.passwordChecks.add({ result: isCorrect ? 'correct' : 'wrong' })
        // Refunded before the next attempt starts: no more are charged at once than run at once.
        if (isCorrect) await recordSuccess(keys, database)
        return isCorrect
      })
    },
  })
}
