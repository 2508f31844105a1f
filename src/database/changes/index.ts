import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { keepRunning } from '../../lifecycle/periodic.js'
import { reasonOf } from '../../lifecycle/reason.js'
import { type ChangeFeed, createFeed } from './feed.js'

export type { ChangeFeed } from './feed.js'

declare module 'fastify' {
  interface FastifyInstance {
    changes: ChangeFeed
  }
}

/** Time between the loss of a connection and the next attempt to connect (milliseconds). */
const retryMs = 1_000

/** Registers `app.changes`. */
export const changeFeed = plugin(registerChangeFeed, { name: 'change-feed', dependencies: ['database'] })

async function registerChangeFeed(app: FastifyInstance): Promise<void> {
  const { database, metrics, outage } = app
  const { changes, receiveUntilLost, heartbeatAgeMs, close } = createFeed(database, metrics)
  let isClosing = false
  let lastReason = ''

  function noteConnection(): void {
    lastReason = ''
    outage.noteRecovery()
  }

  /** Logs why there is no connection, once for each reason in a row. */
  function logLoss(error: Error): void {
    if (isClosing || outage.note(error)) return
    const reason = reasonOf(error)
    if (reason !== lastReason) app.log.warn({ reason }, 'the change feed is not connected')
    lastReason = reason
  }

  async function follow(): Promise<void> {
    if (!isClosing) await receiveUntilLost(noteConnection).catch(logLoss)
  }

  app.decorate('changes', changes)
  metrics.feedConnected.observe({}, () => Number(changes.isConnected()))
  metrics.feedAge.observe({}, () => heartbeatAgeMs() / 1_000)
  keepRunning(app, 'the change feed', retryMs, follow)
  app.addHook('onClose', async function closeConnection() {
    isClosing = true
    close()
  })
}
