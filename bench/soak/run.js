import { createClient } from '../lib/environment.js'
import { addUsers } from '../lib/fixtures.js'
import { currentCommit, describeMachine } from '../lib/machine.js'
import { measureMachine, watchMachine } from '../lib/machine-load.js'
import { basic } from '../peers/token-server.js'
import { startCollector } from './collector.js'
import { openSoakDatabase } from './database.js'
import { openHttp } from './http.js'
import { makeIncidents } from './incidents.js'
import { createLedger } from './ledger.js'
import { applyLoad, createDeck, measureCapacity } from './load.js'
import { watchReplicas } from './monitor.js'
import { startNginx } from './nginx.js'
import { operationsOf } from './operations.js'
import { createRecorder } from './recorder.js'
import { startReplicas } from './replicas.js'
import { publish } from './report.js'
import { createSender } from './sender.js'
import { createSessions, graceSeconds } from './sessions.js'
import { judge } from './verdict.js'
import { compareWithEvents, startWebhook } from './webhooks.js'

/** Number of users who stay logged in, and of those who log in and out. */
const userCount = 31
const visitorCount = 200
const maxConnections = 512
/** Share of the capacity at which the load is. */
const share = 0.5
/** Time for which the machine is watched before anything starts (milliseconds). */
const quietMs = 2_000

/**
 * Runs a soak, judges it, and writes the report.
 *
 * @param {import('./plan.js').Plan} plan
 * @returns {Promise<number>} the exit status: 1 if a requirement was not met
 */
export async function soak(plan) {
  const before = await measureMachine(quietMs)
  const commit = currentCommit()
  const parts = await setUp(plan)
  const { database, record, fleet, webhook, collector, ledger, sender, sessions } = parts
  const machine = { ...(await database.use(describeMachine)), 'load generator': 'bench/soak' }
  const draw = createDeck(operationsOf(parts))

  console.error(`measuring the capacity for ${plan.capacitySeconds} s`)
  await measureCapacity(draw, plan.warmUpSeconds)
  const capacity = await measureCapacity(draw, plan.capacitySeconds)
  const unexplainedBefore = record.recorder.finish().totals.unexplained
  const rate = capacity * share
  console.error(
    `${Math.round(capacity)} operations a second; ${Math.round(rate)} from now on, for ${plan.minutes} min`,
  )

  record.recorder = createRecorder(plan.seconds)
  const { recorder } = record
  const monitor = watchReplicas(fleet.replicas, recorder.now)
  const { result, load: during } = await watchMachine(() =>
    Promise.all([
      applyLoad(draw, { rate, seconds: plan.seconds }),
      makeIncidents(plan, { ...parts, monitor, recorder }),
    ]),
  )
  const [load, incidents] = result
  const responses = recorder.finish()
  await monitor.stop()
  const events = await compareWithEvents(database, webhook)
  const items = { ...(await ledger.compare(database)), storedUnseen: ledger.storedUnseen }
  await fleet.stop()

  const lives = [...monitor.lives.values()]
  const observed = {
    plan,
    load,
    responses,
    unexplainedBefore,
    repetitions: sender.repetitions,
    items,
    events,
    messages: webhook.received,
    traces: collector.received,
    keys: [...sessions.keys],
    incidents,
    lives,
    ends: fleet.ends,
  }
  const requirements = judge(observed)
  const surroundings = {
    commit,
    machine,
    machineLoad: { before, during },
    capacity,
    failedScrapes: monitor.failures.scrapes,
    warnings: fleet.warnings,
  }
  console.table(requirements)
  console.error(await publish({ ...observed, ...surroundings }, requirements))
  return requirements.every(({ met }) => met) ? 0 : 1
}

/** @param {import('./plan.js').Plan} plan */
async function setUp(plan) {
  const database = await openSoakDatabase()
  const collector = await startCollector()
  const webhook = await startWebhook(database.url)
  const keySettings = { JWKS_MAX_AGE_SECONDS: String(plan.keyCacheSeconds) }
  const fleet = await startReplicas(database.url, {
    ...webhook.settings,
    ...keySettings,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    REFRESH_TOKEN_GRACE_SECONDS: String(graceSeconds),
    DRAIN_SECONDS: '5',
    TRUST_PROXY: '127.0.0.1',
  })
  const http = openHttp(await startNginx(fleet.replicas.map(({ port }) => port)), maxConnections)
  const record = { recorder: createRecorder(plan.warmUpSeconds + plan.capacitySeconds) }
  const sender = createSender(() => record.recorder)
  const sessions = createSessions(http, sender)
  const [users, visitors] = await database.use(async (sql) => [
    await addUsers(sql, namesOf('user', userCount)),
    await addUsers(sql, namesOf('visitor', visitorCount)),
  ])
  return {
    database,
    collector,
    webhook,
    keySettings,
    fleet,
    record,
    http,
    sender,
    sessions,
    ledger: createLedger(),
    users: await logInAll(users, sessions),
    visitors: visitors.map(({ username }) => username),
    client: basic(await createClient(database.url)),
  }
}

/**
 * @param {string} kind
 * @param {number} count
 */
function namesOf(kind, count) {
  return Array.from({ length: count }, (_, index) => `${kind}-${index}`)
}

/**
 * @param {import('../lib/tokens.js').User[]} users
 * @param {ReturnType<typeof createSessions>} sessions
 */
async function logInAll(users, { logIn }) {
  /** @type {import('./sessions.js').Session[]} */
  const loggedIn = []
  for (const { username } of users) {
    const tokens = await logIn(username)
    if (!tokens) throw new Error(`${username} could not log in`)
    loggedIn.push({ username, tokens, isRefreshing: false, itemIds: [] })
  }
  return loggedIn
}
