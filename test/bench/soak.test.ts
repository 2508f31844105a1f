import t from 'tap'
import { createDeck } from '#bench/soak/load.js'
import { judgeReplaced, judgeSteady } from '#bench/soak/memory.js'
import { planOf } from '#bench/soak/plan.js'
import { createRecorder } from '#bench/soak/recorder.js'
import { countSpans } from '#bench/soak/spans.js'
import { createTimeline } from '#bench/soak/timeline.js'

t.test(
  'a run of 30 minutes has a rolling restart every two minutes, and one of 2 minutes has everything',
  async (t) => {
    const whole = planOf(30).incidents
    const timesOf = (what: string) =>
      whole.filter((incident) => incident.what === what).map(({ at }) => at / 60)
    t.same(timesOf('rolling restart'), [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28])
    t.same(timesOf('keys rotated'), [7.5, 18.75])
    t.same(timesOf('PostgreSQL restarted'), [15])
    t.same(
      whole.filter(({ isLast }) => isLast).map(({ at }) => at / 60),
      [28],
    )
    t.same(new Set(planOf(2).incidents.map(({ what }) => what)), new Set(whole.map(({ what }) => what)))
  },
)

t.test('operations take turns in proportion to their weights', async (t) => {
  const operation = (name: string, weight: number) => ({ name, weight, run: async () => {} })
  const draw = createDeck([operation('often', 3), operation('seldom', 1)])
  const drawn = Array.from({ length: 8 }, () => draw().name)
  t.same(drawn, ['often', 'often', 'seldom', 'often', 'often', 'often', 'seldom', 'often'])
})

t.test('only what a client expects is explained', async (t) => {
  const recorder = createRecorder(1)
  const accepts = ({ status }: { status: number }) => status === 200
  const add = (status: number, headers = {}, isRepeated = false) =>
    recorder.add(
      { kind: 'read', accepts, isRepeated },
      { status, headers, body: {}, text: '' },
      performance.now(),
    )
  add(200)
  add(503, { 'retry-after': '1' })
  recorder.outages.push({ from: recorder.now(), to: Number.POSITIVE_INFINITY })
  add(503, { 'retry-after': '1' })
  add(503)
  add(0)
  add(0, {}, true)
  const { totals, responses, unexplained } = recorder.finish()
  t.same(totals, { ok: 1, refused: 0, unavailable: 1, 'cut off': 1, unexplained: 3 })
  t.same(responses, { read: { 200: 1, 503: 3, 'no response': 2 } })
  t.same(
    unexplained.map(({ status }) => status),
    [503, 503, 0],
  )
})

t.test('a timeline has counts and percentiles of each second', async (t) => {
  const timeline = createTimeline(60, ['ok', 'failed'])
  for (let ms = 1; ms <= 100; ms++) timeline.add('ok', 0.5, ms)
  timeline.add('failed', 2.5, 7)
  t.same(timeline.finish(), {
    bucketSeconds: 1,
    perSecond: { ok: [100, 0, 0], failed: [0, 0, 1] },
    milliseconds: { p50: [51, 0, 7], p95: [96, 0, 7], p99: [100, 0, 7] },
  })
})

t.test('spans are counted in an export of two resources', async (t) => {
  const message = (field: number, content: Buffer) =>
    Buffer.concat([Buffer.from([(field << 3) | 2, content.length]), content])
  const span = message(2, Buffer.from([0x08, 0x96, 0x01, 0x39, 1, 2, 3, 4, 5, 6, 7, 8, 0x1d, 1, 2, 3, 4]))
  const resource = message(1, message(2, Buffer.concat([span, span])))
  t.equal(countSpans(Buffer.concat([resource, resource])), 4)
  t.equal(countSpans(Buffer.alloc(0)), 0)
})

t.test('memory is flat if it has grown by at most a tenth after the warm-up', async (t) => {
  const life = (rss: number[]) => ({ rss, collected: { seconds: [], rss, heap: rss } }) as never
  t.match(judgeSteady(life([50, 60, 100, 100, 110, 120, 109, 109])), {
    heap: { before: 100, after: 109, isFlat: true },
    rss: { isFlat: true },
  })
  t.match(judgeSteady(life([50, 60, 100, 100, 110, 120, 120, 120])), { heap: { isFlat: false } })
  t.match(judgeReplaced([life([90, 100, 110]), life([100]), life([130])]), {
    before: 100,
    after: 130,
    isFlat: false,
  })
})
