import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { retryableOnce } from '../../lifecycle/once.js'
import { runPeriodically } from '../../lifecycle/periodic.js'
import { claimUsernames } from './taken-names.js'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Returns the current MAC key for claiming usernames. On the first call, and after a change of the key, it first
     * claims the usernames of all existing users, so that no new user gets one of them.
     */
    claimNames(): Promise<Buffer>
  }
}

/** Interval at which missing claims are made, in milliseconds. */
const intervalMs = 60_000
/** Maximum number of usernames in one line of the log. */
const maxLogged = 100

/**
 * Registers `app.claimNames`, and claims the usernames of existing users at the start and then periodically: a process
 * of an earlier version, or an operator, may have inserted users without a claim.
 */
export const nameClaims = plugin(registerNameClaims, { name: 'name-claims', dependencies: ['mac-key'] })

async function registerNameClaims(app: FastifyInstance): Promise<void> {
  const { database, log } = app
  /** Key with which all usernames have been claimed or are being claimed. */
  let claimedWith: Buffer | undefined
  let claimAll: () => Promise<void>

  async function claimNames(): Promise<Buffer> {
    const macKey = await app.readMacKey()
    if (!claimedWith?.equals(macKey)) {
      claimedWith = macKey
      claimAll = retryableOnce(async () => report(await claimUsernames(database, macKey)))
    }
    await claimAll()
    return macKey
  }

  app.decorate('claimNames', claimNames)
  runPeriodically(app, 'claiming names', intervalMs, () =>
    app.outage.unless(async () => report(await claimUsernames(database, await claimNames(), 'missing'))),
  )

  function report(alike: string[]): void {
    if (alike.length === 0) return
    log.warn(
      { count: alike.length, usernames: alike.slice(0, maxLogged) },
      'some usernames look like ones that were taken earlier: latchkey doctor lists them',
    )
  }
}
