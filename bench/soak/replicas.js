import { once } from 'node:events'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { atEnd } from '../lib/cleanup.js'
import { pathOf } from '../lib/environment.js'
import { startService } from '../lib/service.js'
import { countWarnings } from './log.js'
import { findStablePort } from './ports.js'

/** Time for nginx to consider a replica that has refused a connection again (milliseconds): `fail_timeout`, and some leeway. */
const reconsideredMs = 1_500
/** Options that let a process collect its garbage on SIGUSR2. */
const collectable = ['--expose-gc', `--import=${pathOf('collectable.js')}`]

/**
 * @typedef {object} Replica
 * @property {string} name
 * @property {boolean} isSteady whether it is restarted at the end only, so that its memory shows a leak
 * @property {number} port
 * @property {number} metricsPort
 * @property {number} generation number of its present process
 * @property {boolean} isRunning whether its process is ready, and not stopping
 * @property {number} pid
 *
 * @typedef {object} End how a process has ended
 * @property {string} replica
 * @property {number | null} status
 * @property {boolean} isByItself whether nobody has stopped it
 * @property {number} ms time from SIGTERM to the end
 */

/**
 * Starts three replicas. The first one is the steady one.
 *
 * @param {string} databaseUrl
 * @param {Record<string, string>} settings
 */
export async function startReplicas(databaseUrl, settings) {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-soak-log-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  /** Log lines of the level `warn` or above, by message. @type {Map<string, number>} */
  const warnings = new Map()
  /** @type {End[]} */
  const ends = []
  const replicas = await Promise.all(['1', '2', '3'].map(startReplica))

  /** @param {string} name */
  async function startReplica(name) {
    const replica = {
      name,
      isSteady: name === '1',
      port: await findStablePort(),
      metricsPort: await findStablePort(),
      generation: 0,
      isRunning: false,
      pid: 0,
      stop: async () => {},
    }
    await startProcess(replica)
    return replica
  }

  /** @param {Replica & { stop: () => Promise<void> }} replica */
  async function startProcess(replica) {
    const path = join(folder, `${replica.name}-${++replica.generation}.log`)
    const file = await open(path, 'w')
    const { child, pid } = await startService(
      databaseUrl,
      { ...settings, METRICS_PORT: String(replica.metricsPort) },
      { port: replica.port, stdout: file.fd, nodeArgs: replica.isSteady ? collectable : [] },
    )
    await file.close()
    Object.assign(replica, { pid, isRunning: true })
    let stoppedAt = 0
    const exit = once(child, 'exit').then(([status]) => {
      replica.isRunning = false
      const ms = stoppedAt && Math.round(performance.now() - stoppedAt)
      ends.push({ replica: replica.name, status, isByItself: stoppedAt === 0, ms })
    })
    replica.stop = async () => {
      replica.isRunning = false
      stoppedAt = performance.now()
      child.kill('SIGTERM')
      await exit
      await countWarnings(path, warnings)
      await rm(path)
    }
  }

  return {
    replicas: /** @type {Replica[]} */ (replicas),
    warnings,
    ends,

    /**
     * Restarts the replicas one after the other, as docs/operations.md says.
     *
     * @param {{ includesSteady: boolean, beforeEach: (replica: Replica) => Promise<void> }} how
     */
    async restart({ includesSteady, beforeEach }) {
      for (const replica of replicas) {
        if (replica.isSteady && !includesSteady) continue
        await beforeEach(replica)
        await replica.stop()
        await startProcess(replica)
        await delay(reconsideredMs)
      }
    },

    /** Stops all replicas at once. */
    async stop() {
      await Promise.all(replicas.map((replica) => replica.stop()))
    },
  }
}
