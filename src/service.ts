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
import { UnfitSession } from './database/session.js'
import { drain, stopListening } from './lifecycle/drain.js'
import { OperatorError } from './lifecycle/operator-error.js'
import { closeGracefully } from './lifecycle/shutdown.js'
import { refusePublishedPasswords } from './users/published-passwords.js'

/** Open requests have so long to finish; then their connections are cut, before the deadline. */
const patienceMs = 8_000
const closeDeadlineMs = 10_000
/** While the database cannot be reached, the start is tried again so often. */
const retryMs = 1_000

/** What has been started, to be ended in reverse order. */
const started: (() => Promise<unknown>)[] = []

/** Lets others find out that we end, before we do. As long as nothing is served there are no others. */
let announceEnd = async (): Promise<void> => {}

async function closeAll(): Promise<void> {
  for (const close of started.splice(0).reverse()) await close()
}

/** Runs the service that the environment describes, until a signal or a failure ends the process. */
export function runService(args: string[]): Promise<never> {
  const abandon = closeGracefully(() => announceEnd(), closeAll, report, closeDeadlineMs)
  start(args).catch(abandon)
  return new Promise(() => {})
}

async function start([argument]: string[]): Promise<void> {
  if (argument) throw new OperatorError(`unknown argument ${argument}; settings are environment variables`)
  const config = loadConfig(process.env)
  const server = await provisionServer(config)
  started.push(server.stop)
  const database = openDatabase(config, server.url)
  const app = await buildApp(config, database)
  for (const notice of startNotices(config)) app.log.warn(notice)
  started.push(() => closeApp(app, config.drainSeconds > 0))
  announceEnd = () => drain(app, config.drainSeconds)

  async function prepare(): Promise<void> {
    await migrate(database.directUrl, (notice) => app.log.warn({ notice }, 'a migration changed data'))
    // Behind a pooler they may be unfit, which only the first one shows.
    await database.pool.query({ text: 'SELECT' })
    if (config.production) await refusePublishedPasswords(database)
    await app.openKeys()
    if (server.embedded) await seed(database, await app.claimNames())
  }

  const isPrepared = await succeeds(prepare, app)
  await app.listen({ host: config.host, port: config.port }).catch((error: Error) => {
    throw new OperatorError(`cannot listen: ${error.message.replace(/^listen \w+: /, '')}; see HOST and PORT`)
  })
  // Without its database the service answers what needs none, and says that it is not ready.
  if (!isPrepared) while (!(await succeeds(prepare, app))) await delay(retryMs)
  if (server.embedded) greet((app.server.address() as AddressInfo).port)
}

/** Whether the database could be reached. Any other failure is thrown. */
async function succeeds(prepare: () => Promise<void>, { log }: FastifyInstance): Promise<boolean> {
  try {
    await prepare()
    return true
  } catch (error) {
    if (error instanceof UnfitSession || !isDatabaseUnavailable(error)) throw error
    log.warn({ reason: (error as Error).message }, 'waiting for the database')
    return false
  }
}

/**
 * Closes the service within the deadline, all steps together. A connection that is in use when the close begins stays
 * open afterwards, idle, unless it is closed then.
 *
 * @param settles whether requests that are on their way are waited for, where the end has been announced
 */
async function closeApp(app: FastifyInstance, settles: boolean): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), patienceMs)
  if (app.draining && settles) await stopListening(app.server)
  const sweep = setInterval(() => app.server.closeIdleConnections(), 100)
  await app.close()
  clearTimeout(cut)
  clearInterval(sweep)
}

function greet(port: number): void {
  process.stdout.write(`
Latchkey is ready.
  Try it   http://localhost:${port}/docs
  Log in   press Authorize, then johndoe / secret
  Stop     Ctrl-C
\n`)
}

/** One line for what the user can mend, the whole story for what only a developer can. */
function report(error: unknown): void {
  const text = error instanceof OperatorError ? error.message : (error as Error).stack
  process.stderr.write(`latchkey: ${text}\n`)
}
