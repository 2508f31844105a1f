import t from 'tap'
import { cpuSeconds, cpuSecondsOfOthers } from '#bench/lib/cpu.js'

/** Describes a process as /proc/PID/stat does, with CPU times in ticks: its own, and those of its children that have ended. */
function stat(name: string, parent: number, own: [number, number], ended: [number, number]) {
  return { stat: `0 (${name}) S ${parent} 0 0 0 0 0 0 0 0 0 ${[...own, ...ended].join(' ')} 20 0 1` }
}

/** The kernel's threads, a run (10) with a server (11) and its worker (12), and a neighbour (20). */
const processes = {
  '1': stat('init', 0, [0, 0], [0, 0]),
  '2': stat('kthreadd', 0, [500, 0], [0, 0]),
  '3': stat('kworker', 2, [600, 0], [0, 0]),
  '10': stat('bench) (x', 1, [100, 20], [3, 4]),
  '11': stat('server', 10, [200, 0], [0, 0]),
  '12': stat('worker', 11, [1, 2], [0, 0]),
  '20': stat('neighbour', 1, [40, 2], [0, 0]),
  gone: {},
  '30': {},
}

t.test('CPU time is that of a process, of its descendants, and of children that have ended', async (t) => {
  const folder = t.testdir(processes)
  t.equal(cpuSeconds([11], folder), 2.03)
  t.equal(cpuSeconds([10], folder), 3.3)
  t.equal(cpuSeconds([10, 11, 20], folder), 3.72)
})

t.test('a process that has ended has no CPU time', async (t) => {
  t.equal(cpuSeconds([30, 31], t.testdir(processes)), 0)
})

t.test('others are neither the process, nor its descendants, nor the kernel', async (t) => {
  t.equal(cpuSecondsOfOthers(10, t.testdir(processes)), 0.42)
})
