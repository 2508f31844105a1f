import t from 'tap'
import { observeKeys } from '../../../src/auth/keys/key-metrics.js'
import type { RingCache } from '../../../src/auth/keys/ring-cache.js'
import { createMetrics, exposeMetrics } from '../../../src/metrics/index.js'
import { readSamples } from '../../helpers/metrics.js'

const day = 86_400
const now = new Date('2026-01-31T00:00:00Z')
const plan = {
  algorithm: 'ES256',
  rotationSeconds: 30 * day,
  leadSeconds: 320,
  tokenTtlSeconds: 1_800,
} as const

/** Returns what is seen of keys that sign since some days, or will. */
function observe(...keys: { days: number; canSign?: boolean }[]) {
  const entries = keys.map(({ days, canSign = true }, index) => [
    String(index),
    { signsAt: new Date(now.getTime() - days * day * 1_000), retiredAt: null, canSign },
  ])
  const metrics = createMetrics()
  const cache = {
    keys: () => new Map(entries as [string, never][]),
    databaseTime: () => now,
    readAt: () => performance.now() - 5_000,
  } satisfies Pick<RingCache, 'keys' | 'databaseTime' | 'readAt'>
  observeKeys(cache, plan, metrics)
  const samples = readSamples(exposeMetrics(metrics, 'text'))
  return {
    next: samples.get('latchkey_key_next_signs_seconds'),
    states: ['published', 'signing', 'verifying'].map((state) =>
      samples.get(`latchkey_keys{state="${state}"}`),
    ),
    sealed: samples.get('latchkey_keys_sealed'),
    age: samples.get('latchkey_keys_read_age_seconds'),
  }
}

t.test('the next key is due when the newest one is as old as a rotation', async (t) => {
  t.match(observe({ days: 10 }), { next: 20 * day, states: [0, 1, 0], sealed: 0 })
  t.match(observe({ days: 31 }), { next: -day }, 'negative while it is late')
})

t.test('a published key signs at its time', async (t) => {
  t.match(observe({ days: 60 }, { days: 29 }, { days: -2 }), { next: 2 * day, states: [1, 1, 1] })
})

t.test('a key that cannot be decrypted is counted', async (t) => {
  t.match(observe({ days: 1 }, { days: 2, canSign: false }), { sealed: 1 })
})

t.test('nothing is told of keys that have not been read', async (t) => {
  t.same(observe(), {
    next: undefined,
    states: [undefined, undefined, undefined],
    sealed: undefined,
    age: undefined,
  })
  t.ok(Number(observe({ days: 1 }).age) > 4.9)
})
