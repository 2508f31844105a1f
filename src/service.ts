import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { seed } from '../prisma/seed.js'
import { buildApp } from './app.js'
import { createBanner } from './banner.js'
import { loadConfig } from './config/index.js'
import { takeInheritedSocket } from './config/inherited-socket.js'
import { startNotices } from './config/production.js'
import { waitUntilFresh } from './database/changes/wait.js'
import { openDatabase } from './database/client.js'
import { isAccessRefused, isDatabaseUnavailable } from './database/errors.js'
import { requireSameDatabase } from './database/identity.js'
import { migrate } from './database/migrations.js'
import { provisionServer } from './database/provision.js'
import { limitNameLookups, lookUpForConnection } from './http/safe-fetch/name-resolver.js'
import { drain, stopListening } from './lifecycle/drain.js'
import { describeListenError, listen } from './lifecycle/listen.js'
import { OperatorError } from './lifecycle/operator-error.js'
import { announceIfSlow } from './lifecycle/progress.js'
import { reasonOf } from './lifecycle/reason.js'
import { closeGracefully } from './lifecycle/shutdown.js'
import { exposeMetrics } from './metrics/index.js'
import { serveMetrics } from './metrics/server.js'
import { startTracing } from './tracing/start.js'
import { refusePublishedPasswords } from './users/published-passwords.js'

// From SIGTERM to the end of the process, with DRAIN_SECONDS=5:
//
//  1.  0 s    /readyz answers 503. Requests are served as before, but each response closes its connection.
//  2.  5 s    No new connections are accepted. Requests on their way over open connections have 0.5 s to arrive.
//  3.  5.5 s  Requests under way are answered; idle connections are closed.
//  4.  13 s   Connections with a request that is still under way are destroyed.
//  5.         When no connection is left: background tasks and mails finish, the database connections close, the last
//             spans are sent (1 s at most), the embedded PostgreSQL stops. The process exits with 0.
//  6.  15 s   The process exits with 1 if it still runs.
//
// With DRAIN_SECONDS=0 steps 2 and 3 follow at once, without the 0.5 s. On a socket of systemd the 0.5 s remain: new connections
// wait in it for the next process, so that a restart loses no request.

/** Time for requests under way to finish, after which their connections are destroyed (milliseconds). */
const forceCloseAfterMs = 8_000
/** Time for the whole close, without the drain (milliseconds). */
const closeDeadlineMs = 10_000
/** Time between two attempts to prepare the database while it cannot be reached (milliseconds). */
const retryMs = 1_000

/** Functions that close what has been started, in the order in which it was started. They are called in reverse. */
const closers: (() => Promise<unknown>)[] = []

/** Aborted when the process begins to end. A start that is still under way ends at its next step. */
const ending = new AbortController()

/** Functions that drain what has been built, given the signal that ends it. */
const drains: ((signal: string) => Promise<void>)[] = []

async function beginEnd(signal: string): Promise<void> {
  ending.abort()
  for (const drainPart of drains) await drainPart(signal)
}

async function closeAll(): Promise<void> {
  ending.abort()
  for (const close of closers.splice(0).reverse()) await close()
}

/**
 * Runs the service with the settings of the environment, until a signal or a failure ends the process.
 *
 * @param report prints the error that ends it
 */
export function runService(args: string[], report = printError): Promise<never> {
  const abandon = closeGracefully(beginEnd, closeAll, report, closeDeadlineMs)
  start(args, abandon).catch(abandon)
  return new Promise(() => {})
}

/** @param abandon ends the process with an error */
async function start([argument]: string[], abandon: (error: unknown) => void): Promise<void> {
  if (argument) throw new OperatorError(`unknown argument ${argument}; settings are environment variables`)
  const config = loadConfig(process.env)
  const socket = takeInheritedSocket(process.env, process.pid)
  limitNameLookups(config.lookupConcurrency)
  const server = await announceIfSlow(print.bind(null, 'Starting PostgreSQL …\n'), provisionServer(config))
  closers.push(server.stop)
  void server.failure.then(abandon)
  ending.signal.throwIfAborted()
  const database = openDatabase(config, server.url)
  const app = await buildApp(config, database, { server, print })
  for (const notice of [...server.notices, ...startNotices(config, process.env)]) app.log.warn(notice)
  if (config.tracing) closers.push(await startTracing(config.tracing, app.log, lookUpForConnection))
  const { metricsHost, metricsPort } = config
  if (metricsPort !== undefined) closers.push(await startMetrics(app, metricsHost, metricsPort))
  closers.push(() => closeApp(app, config.drainSeconds > 0 || socket !== undefined))
  // The first one is called last.
  closers.unshift(async () => app.log.info('stopped'))
  drains.push(function drainApp(signal) {
    app.log.info({ signal }, 'stopping')
    return drain(app, config.drainSeconds)
  })

  async function prepare(): Promise<void> {
    await requireSameDatabase(server.url, database.direct.url)
    await migrate(database.direct.url, (notice) => app.log.warn({ notice }, 'a migration changed data'))
    // It opens a session: behind a pooler one may have wrong settings, which shows only then.
    await database.sharding.lookUp()
    if (config.production) await refusePublishedPasswords(database)
    await app.openKeys()
    if (server.embedded) await seed(database, await app.claimNames())
  }

  const isPrepared = await announceIfSlow(
    app.log.info.bind(app.log, 'preparing the database'),
    succeeds(prepare, app),
  )
  ending.signal.throwIfAborted()
  await listen(app, config, socket)
  // Until the database is prepared, the service is not ready, but answers requests that do not need the database.
  if (!isPrepared) while (!(await succeeds(prepare, app))) await delay(retryMs)
  print(await createBanner(config, (app.server.address() as AddressInfo).port, database))
}

/**
 * Serves the metrics until the process ends, also while the database cannot be reached and while the service drains. A scrape
 * sends a heartbeat, so that the age of the last one depends on the change feed and not on how busy the service is.
 *
 * @returns a function that ends it
 */
async function startMetrics(app: FastifyInstance, host: string, port: number): Promise<() => Promise<void>> {
  const server = await serveMetrics({ host, port }, async function readMetrics(format) {
    await waitUntilFresh(app.changes)
    return exposeMetrics(app.metrics, format)
  }).catch((error: Error) => {
    throw new OperatorError(describeListenError(error, 'METRICS_HOST and METRICS_PORT'))
  })
  const { address, port: servedPort } = server.address
  app.log.info({ address, port: servedPort }, 'serving metrics')
  return server.close
}

/** Returns false if the task failed because the database is unavailable. Any other failure is thrown, and a refused access. */
async function succeeds(task: () => Promise<void>, app: FastifyInstance): Promise<boolean> {
  try {
    await task()
    return true
  } catch (error) {
    ending.signal.throwIfAborted()
    if (isAccessRefused(error) || !isDatabaseUnavailable(error)) throw error
    if (!app.outage.note(error))
      app.log.warn({ reason: reasonOf(error as Error) }, 'the database could not be prepared yet')
    return false
  }
}

/**
 * Closes the service: steps 2 to 5 above. Fastify closes the connections that are idle when the close begins; this
 * function closes those that become idle later.
 *
 * @param settles whether to wait for requests that are on their way
 */
async function closeApp(app: FastifyInstance, settles: boolean): Promise<void> {
  const forceClose = setTimeout(app.server.closeAllConnections.bind(app.server), forceCloseAfterMs)
  if (app.draining && settles) await stopListening(app.server)
  const closeIdle = setInterval(app.server.closeIdleConnections.bind(app.server), 100)
  await app.close()
  clearTimeout(forceClose)
  clearInterval(closeIdle)
}

function print(text: string): void {
  process.stdout.write(text)
}

/** Prints one line for an error that the operator can correct, and the stack of any other error. */
function printError(error: unknown): void {
  const text = error instanceof OperatorError ? reasonOf(error) : (error as Error).stack
  process.stderr.write(`latchkey: ${text}\n`)
}
