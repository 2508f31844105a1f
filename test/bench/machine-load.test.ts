import t from 'tap'
import { parentOf, tellsCpuTime } from '#bench/lib/cpu.js'
import { describeDisturbance, describeQuietness, watchMachine } from '#bench/lib/machine-load.js'

const quiet = { others: 0.01, steal: 0, idle: 0.99, queue: 0.1 }
const withoutCpuTime = !tellsCpuTime && 'this system does not tell the CPU time of processes'

t.test('a quiet machine may be judged', async (t) => {
  t.equal(describeDisturbance(quiet, quiet), undefined)
})

t.test('a busy machine may not, and the reason names who is busy', async (t) => {
  t.equal(describeDisturbance({ ...quiet, idle: 0.4 }, quiet), 'only 40% of the machine was idle before')
  t.equal(describeDisturbance({ ...quiet, queue: 3 }, quiet), '3.0 other tasks were running before')
  t.equal(describeDisturbance({ ...quiet, others: 0.4 }, quiet), 'others used 40% of the machine (before)')
  t.equal(describeDisturbance(quiet, { ...quiet, others: 0.06 }), 'others used 6% of the machine (during)')
  const withheld = { ...quiet, steal: 0.03 }
  t.equal(describeDisturbance(quiet, withheld), 'the hypervisor withheld 3% of the machine (during)')
})

t.test('a run says whether the machine was quiet, and what is judged if it was not', async (t) => {
  t.equal(describeQuietness(undefined), 'The machine was quiet.')
  t.match(
    describeQuietness('others used 6%'),
    /^The machine was not quiet: others used 6%\. Ratios are judged, times are not;/,
  )
})

t.test('the queue of the run itself is no disturbance', async (t) => {
  t.equal(describeDisturbance(quiet, { ...quiet, queue: 9 }), undefined)
})

t.test('a machine that does not tell may not be judged', async (t) => {
  t.equal(describeDisturbance(undefined, undefined), 'this system does not tell what others do')
})

t.test('a process that does not exist has no parent', { skip: withoutCpuTime }, async (t) => {
  t.equal(parentOf(process.pid), process.ppid)
  t.equal(parentOf(2 ** 30), undefined)
})

t.test('work that is watched gives its result, and what the machine did meanwhile', async (t) => {
  const { result, load } = await watchMachine(async () => 'done')
  t.equal(result, 'done')
  t.equal(load !== undefined, tellsCpuTime)
})
