import type { FastifyInstance } from 'fastify'
import { repeat } from '../repeat.js'
import { untilDone } from '../until-done.js'
import { claimUsernames } from './taken-names.js'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Claims the names of the users who are there already, the first time it is called, and returns the MAC key that names
     * are claimed with: no new name is taken before.
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
 *
 * @param readMacKey reads the key of the keyed hashes
 */
export function registerNameClaims(app: FastifyInstance, readMacKey: () => Promise<Buffer>): void {
  const { database, log } = app
  const claimNames = untilDone(async function claimAll() {
    const macKey = await readMacKey()
    report(await claimUsernames(database, macKey))
    return macKey
  })
  app.decorate('claimNames', claimNames)
  repeat(app, 'claiming names', intervalMs, async function claimMissing() {
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
