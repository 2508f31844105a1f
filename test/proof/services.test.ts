import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { addPackage, compileProject, createProject } from '../helpers/project.js'
import { headerOf } from '../helpers/replicas.js'
import { until } from '../helpers/wait.js'
import type { FrontState } from './front.js'
import { audience, scope, startLatchkey } from './latchkey.js'
import { isAccepted, isRefused, type Probe, type Span, startProbe } from './probes.js'
import { type Caller, startCaller, startOrders } from './services.js'
import { type Circumstances, findWrongUses, longestAcceptanceMs } from './verdict.js'

// One service calls another with tokens of Latchkey, while everything around them fails in turn.

/** Calls per second, of which a machine that is too slow makes fewer. */
const rate = { billing: 480, reports: 20 }
/** Time for which calls are made at least (milliseconds). */
const loadMs = 60_000
/** Length of a fault (milliseconds). */
const faultMs = 3_000
/** Time from the end of an outage to the next attempt to fetch a document, and for that (milliseconds). */
const recoveryMs = 7_000
/** Number of times that the longest delay of this machine can happen in the course of one revocation. */
const delaysPerRevocation = 3

const project = await createProject(t, 'test/proof/project')
for (const name of ['fastify', '@types/node']) addPackage(project, name)
await compileProject(project)

const latchkey = await startLatchkey(t, ['billing', 'reports', 'probe'])
const { front, run, issueToken, post } = latchkey
const orders = await startOrders(t, project, { ISSUER: front.origin, AUDIENCE: audience })
const probes: Probe[] = []
/** Times in which Latchkey could not be reached. */
const outages: Span[] = []

const beganAt = Date.now()
const delays = monitorEventLoopDelay()
delays.enable()
const billing = startClient('billing')
const reports = startClient('reports')
let disabled: { startedAt: number; refusedAt: number; endedAt: number }

function startClient(clientId: keyof typeof rate): Caller {
  const env = { CLIENT_ID: clientId, SECRET_FILE: latchkey.secretFileOf(clientId) }
  const target = { ISSUER: front.origin, ORDERS: `${orders.origin}/orders`, RATE: String(rate[clientId]) }
  return startCaller(t, project, { ...env, ...target })
}

/** Uses a token until the test ends. Resolves when the service has accepted it. */
async function startUsing(
  what: string,
  token: string,
  promisedMs = orders.maxRevocationDelayMs,
): Promise<Probe> {
  const probe = startProbe(t, orders.origin, { what, token, promisedMs })
  probes.push(probe)
  await until(() => isAccepted(probe))
  return probe
}

/** Returns the time that some work takes. */
async function timed(work: () => Promise<unknown>): Promise<Span> {
  const from = Date.now()
  await work()
  return { from, until: Date.now() }
}

/** Ends a token, and resolves when the service refuses it. */
async function end(probe: Probe, work: () => Promise<unknown>): Promise<void> {
  probe.revoked = await timed(work)
  await untilRefused(probe)
}

/** Resolves when the service refuses a token, or it is clear that it does so too late. */
async function untilRefused(probe: Probe): Promise<void> {
  await until(() => isRefused(probe) || findWrongUses(probe, circumstances()).length > 0)
}

function circumstances(): Circumstances {
  const longestDelayMs = Math.max(delays.max / 1e6, orders.longestDelayMs, front.longestDelayMs)
  return { outages, recoveryMs, slackMs: delaysPerRevocation * longestDelayMs }
}

const revoke = ({ token }: Probe) => post('/revoke', 'probe', { token })

async function failWhile(state: FrontState): Promise<void> {
  const probe = await startUsing(`revoked while the network is ${state}`, await issueToken('probe'))
  const outage = await timed(async () => {
    front.be(state)
    probe.revoked = await timed(() => revoke(probe))
    await delay(faultMs)
  })
  front.be('open')
  outages.push(outage)
  await untilRefused(probe)
}

async function logIn(): Promise<{ access: string; refresh: string }> {
  const login = { grant_type: 'password', username: 'johndoe', password: 'secret', scope }
  const { body } = await post('/token', 'probe', login)
  return { access: String(body.access_token), refresh: String(body.refresh_token) }
}

const faults: [what: string, happen: () => Promise<void>][] = [
  [
    'a token is revoked',
    async () => {
      const probe = await startUsing('revoked', await issueToken('probe'))
      await end(probe, () => revoke(probe))
    },
  ],
  [
    'a client is disabled, and enabled again',
    async () => {
      const probe = await startUsing('of a client that is disabled', await issueToken('reports'))
      await end(probe, () => run('clients', 'disable', 'reports'))
      const { from: startedAt } = probe.revoked as Span
      const refusedAt = Date.now()
      await delay(faultMs)
      disabled = { startedAt, refusedAt, endedAt: Date.now() }
      await run('clients', 'enable', 'reports')
    },
  ],
  [
    'secrets are replaced, twice',
    async () => {
      for (let times = 0; times < 2; times++) await latchkey.rotateSecret('billing')
    },
  ],
  [
    'another key takes over, and the former one is withdrawn',
    async () => {
      const token = await issueToken('probe')
      const { kid } = headerOf(token)
      await run('keys', 'rotate')
      await until(async () => headerOf(await issueToken('probe')).kid !== kid)
      const probe = await startUsing('signed with a key that is withdrawn', token, orders.maxKeyAgeMs)
      await end(probe, () => run('keys', 'retire', kid))
    },
  ],
  ['the network breaks', () => failWhile('cut')],
  ['no request is answered', () => failWhile('silent')],
  ['a proxy answers with a page', () => failWhile('html')],
  ['a proxy answers with 502', () => failWhile('unavailable')],
  ['a new version of Latchkey is rolled out', () => latchkey.restart()],
  [
    'Latchkey crashes after a revocation',
    async () => {
      const probe = await startUsing('revoked before a crash', await issueToken('probe'))
      probe.revoked = await timed(() => revoke(probe))
      outages.push(await timed(() => latchkey.crash()))
      await untilRefused(probe)
    },
  ],
  [
    'clocks jump',
    async () => {
      for (const machine of [orders, billing])
        for (const offsetMs of [10_000, -120_000, 0]) {
          machine.jumpTo(offsetMs)
          const probe = await startUsing(
            `revoked on a clock off by ${offsetMs} ms`,
            await issueToken('probe'),
          )
          await end(probe, () => revoke(probe))
        }
    },
  ],
  [
    'a user logs out',
    async () => {
      const { access, refresh } = await logIn()
      const probe = await startUsing('of a user who logs out', access)
      await end(probe, () => post('/revoke', 'probe', { token: refresh }))
    },
  ],
  [
    'a user is disabled',
    async () => {
      const probe = await startUsing('of a user who is disabled', (await logIn()).access)
      await end(probe, () => run('users', 'disable', 'johndoe'))
    },
  ],
]

for (const [what, happen] of faults) t.test(what, happen)

t.test('the calls', async (t) => {
  await delay(Math.max(0, beganAt + loadMs - Date.now()))
  const seconds = (Date.now() - beganAt) / 1000
  const [ofBilling, ofReports] = await Promise.all([billing.stop(), reports.stop()])
  const { slackMs } = circumstances()
  t.comment(
    `${Math.round((ofBilling.length + ofReports.length) / seconds)} calls per second for ${Math.round(seconds)} s, slack ${Math.round(slackMs)} ms`,
  )

  t.test('do not fail', async (t) => {
    t.same(ofBilling.filter(([, failure]) => failure !== '').slice(0, 10), [])
  })

  t.test('of a disabled client fail, and those before and after do not', async (t) => {
    const { startedAt, refusedAt, endedAt } = disabled
    const before = ofReports.filter(([from]) => from < startedAt - slackMs)
    t.same(before.filter(([, failure]) => failure !== '').slice(0, 10), [])
    const meanwhile = ofReports.filter(([from]) => from > refusedAt + slackMs && from < endedAt)
    t.ok(meanwhile.every(([, failure]) => failure !== ''))
    t.equal(ofReports.at(-1)?.[1], '')
  })

  t.test('with tokens that have ended fail after the promised delay, and pass before', async (t) => {
    const wrong = probes.flatMap((probe) => findWrongUses(probe, circumstances()))
    t.same(wrong.slice(0, 10), [])
    const uses = probes.reduce((sum, probe) => sum + probe.uses.length, 0)
    t.comment(
      `${uses} uses of ${probes.length} tokens, at most ${longestAcceptanceMs(probes)} ms after their end`,
    )
  })
})
