import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { retryableOnce } from '../lifecycle/once.js'
import { runPeriodically } from '../lifecycle/periodic.js'
import { claimUsernames } from './taken-names.js'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Returns the MAC key that names are claimed with now. The first time, and after a change of the key, claims the names
     * of the users who are there already: no new name is taken before.
     */
    claimNames(): Promise<Buffer>
  }
}

const intervalMs = 60_000
/** Maximum number of names in one line of the log. */
const maxLogged = 100

/**
 * Keeps all names claimed: at the start, and again and again those of users whom another hand added, such as a replica
 * of the version before.
 */
export const nameClaims = plugin(registerNameClaims, { name: 'name-claims', dependencies: ['mac-key'] })

async function registerNameClaims(app: FastifyInstance): Promise<void> {
  const { database, log } = app
  /** The key that all names were last claimed with, or are being. */
  let claimedWith: Buffer | undefined
  let claimAll: () => Promise<void>

  /** Claims all names again where the key is another one than before: they are compared by digests under it. */
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
  runPeriodically(app, 'claiming names', intervalMs, async function claimMissing() {
    report(await claimUsernames(database, await claimNames(), 'missing'))
  })

  function report(alike: string[]): void {
    if (alike.length === 0) return
    log.warn(
      { count: alike.length, usernames: alike.slice(0, maxLogged) },
      'users have names that look like ones that were taken earlier: latchkey doctor lists them',
    )
  }
}
