import type { FastifyBaseLogger } from 'fastify'
import t from 'tap'
import { createOutageLog } from '../../src/database/outage.js'
import { createMetrics } from '../../src/metrics/index.js'
import { stopMonotonicClock } from '../helpers/clock.js'

const unreachable = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
const withState = (code: string) => Object.assign(new Error('said PostgreSQL'), { code })

function createLog() {
  const lines: string[] = []
  const log = {
    warn: ({ reason }: { reason: string }, text: string) => lines.push(`${text}: ${reason}`),
    info: (text: string) => lines.push(text),
  } as unknown as FastifyBaseLogger
  return { lines, outage: createOutageLog(log, createMetrics()) }
}

t.test('an outage is logged once a minute, and its end once', async (t) => {
  const { lines, outage } = createLog()
  const clock = stopMonotonicClock(t)
  outage.noteRecovery()
  t.same(lines, [], 'there was no outage')
  for (let seconds = 0; seconds < 120; seconds++) {
    t.ok(outage.note(unreachable))
    t.ok(outage.note(withState('57P03')))
    clock.advance(1_000)
  }
  const line = 'the database is unavailable: connect ECONNREFUSED 127.0.0.1:1'
  t.same(lines, [line, line])
  outage.noteRecovery()
  outage.noteRecovery()
  t.same(lines.slice(2), ['the database is available again'])
  outage.note(unreachable)
  t.equal(lines.length, 4, 'the next outage is another one')
})

t.test('what concerns a single statement is no outage', async (t) => {
  const { lines, outage } = createLog()
  for (const error of [
    withState('40P01'),
    withState('55P03'),
    withState('25006'),
    withState('42P01'),
    new Error('no'),
  ])
    t.notOk(outage.note(error))
  t.same(lines, [])
})

t.test('a task fails for any other reason only', async (t) => {
  const { outage } = createLog()
  t.equal(await outage.unless(async () => 'done'), true)
  t.equal(await outage.unless(() => Promise.reject(unreachable)), false)
  await t.rejects(
    outage.unless(() => Promise.reject(new Error('a fault'))),
    { message: 'a fault' },
  )
})
