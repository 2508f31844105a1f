import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { seed } from '../prisma/seed.js'
import { buildApp } from './app.js'
import { loadConfig } from './config/index.js'
import { startNotices } from './config/production.js'
import { openDatabase } from './database/client.js'
import { isDatabaseUnavailable } from './database/errors.js'
import { migrate } from './database/migrations.js'
import { provisionServer } from './database/provision.js'
import { InvalidSession } from './database/session.js'
import { drain, stopListening } from './lifecycle/drain.js'
import { OperatorError } from './lifecycle/operator-error.js'
import { closeGracefully } from './lifecycle/shutdown.js'
import { refusePublishedPasswords } from './users/published-passwords.js'

// From SIGTERM to the end of the process, with DRAIN_SECONDS=5:
//
//  1.  0 s    /readyz answers 503. Requests are served as before, but each response closes its connection.
//  2.  5 s    No new connections are accepted. Requests on their way over open connections have 0.5 s to arrive.
//  3.  5.5 s  Requests under way are answered; idle connections are closed.
//  4.  13 s   Connections with a request that is still under way are destroyed.
//  5.         When no connection is left: background tasks and mails finish, the database connections close, the
//             embedded PostgreSQL stops. The process exits with 0.
//  6.  15 s   The process exits with 1 if it still runs.
//
// With DRAIN_SECONDS=0 steps 2 and 3 follow at once, without the 0.5 s.

/** Time for requests under way to finish, after which their connections are destroyed (milliseconds). */
const forceCloseAfterMs = 8_000
/** Time for the whole close, without the drain (milliseconds). */
const closeDeadlineMs = 10_000
/** Time between two attempts to prepare the database while it cannot be reached (milliseconds). */
const retryMs = 1_000

/** Functions that close what has been started, in the order of the starts; called in reverse. */
const closers: (() => Promise<unknown>)[] = []

/** Drains the service. Before it serves, there is nothing to drain. */
let drainService = async (): Promise<void> => {}

async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
}

/** Runs the service with the settings of the environment, until a signal or a failure ends the process. */
export function runService(args: string[]): Promise<never> {
  const abandon = closeGracefully(() => drainService(), closeAll, report, closeDeadlineMs)
  start(args).catch(abandon)
  return new Promise(() => {})
}

async function start([argument]: string[]): Promise<void> {
  if (argument) throw new OperatorError(`unknown argument ${argument}; settings are environment variables`)
  const config = loadConfig(process.env)
  const server = await provisionServer(config)
  closers.push(server.stop)
  const database = openDatabase(config, server.url)
  const app = await buildApp(config, database)
  for (const notice of startNotices(config)) app.log.warn(notice)
  closers.push(() => closeApp(app, config.drainSeconds > 0))
  drainService = () => drain(app, config.drainSeconds)

  async function prepare(): Promise<void> {
    await migrate(database.directUrl, (notice) => app.log.warn({ notice }, 'a migration changed data'))
    // Behind a pooler sessions may have wrong settings, which only a first one shows.
    await database.pool.query({ text: 'SELECT' })
    if (config.production) await refusePublishedPasswords(database)
    await app.openKeys()
    if (server.embedded) await seed(database, await app.claimNames())
  }

  const isPrepared = await succeeds(prepare, app)
  await app.listen({ host: config.host, port: config.port }).catch((error: Error) => {
    throw new OperatorError(`cannot listen: ${error.message.replace(/^listen \w+: /, '')}; see HOST and PORT`)
  })
  // Without its database the service answers what needs none, and is not ready.
  if (!isPrepared) while (!(await succeeds(prepare, app))) await delay(retryMs)
  if (server.embedded) greet((app.server.address() as AddressInfo).port)
}

/** Returns whether the database could be reached, and throws any other failure. */
async function succeeds(prepare: () => Promise<void>, { log }: FastifyInstance): Promise<boolean> {
  try {
    await prepare()
    return true
  } catch (error) {
    if (error instanceof InvalidSession || !isDatabaseUnavailable(error)) throw error
    log.warn({ reason: (error as Error).message }, 'waiting for the database')
    return false
  }
}

/**
 * Closes the service: steps 2 to 5 above. Fastify closes the connections that are idle when the close begins; those that
 * become idle later are closed here.
 *
 * @param settles whether to wait for requests that are on their way after a drain
 */
async function closeApp(app: FastifyInstance, settles: boolean): Promise<void> {
  const forceClose = setTimeout(() => app.server.closeAllConnections(), forceCloseAfterMs)
  if (app.draining && settles) await stopListening(app.server)
  const closeIdle = setInterval(() => app.server.closeIdleConnections(), 100)
  await app.close()
  clearTimeout(forceClose)
  clearInterval(closeIdle)
}

function greet(port: number): void {
  process.stdout.write(`
Latchkey is ready.
  Try it   http://localhost:${port}/docs
  Log in   press Authorize, then johndoe / secret
  Stop     Ctrl-C
\n`)
}

/** Prints one line for an error that the operator can mend, and the stack of any other. */
function report(error: unknown): void {
  const text = error instanceof OperatorError ? error.message : (error as Error).stack
  process.stderr.write(`latchkey: ${text}\n`)
}
