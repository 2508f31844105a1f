import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { Database } from './client.js'
import { createOutageLog, type OutageLog } from './outage.js'
import { observeReplica } from './replica-metrics.js'

declare module 'fastify' {
  interface FastifyInstance {
    database: Database
    outage: OutageLog
  }
}

/** Registers `app.database` and `app.outage`, and logs whether the replica is read from. Closing the service disconnects. */
export const databasePlugin = plugin(registerDatabase, { name: 'database', dependencies: ['metrics'] })

async function registerDatabase(app: FastifyInstance, { database }: { database: Database }): Promise<void> {
  // Fastify looks for properties in what it is given, which would open Prisma's client.
  app.decorate('database', { getter: () => database })
  app.decorate('outage', createOutageLog(app.log, app.metrics))
  app.addHook('onClose', () => database.$disconnect())
  observeReplica(database, app.metrics)
  database.replica?.onChange(function logState(problem) {
    if (problem) app.log.warn({ problem }, 'the replica is not usable, reading from the primary')
    else app.log.info('the replica is usable again')
  })
}
