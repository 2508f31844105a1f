import { setTimeout as delay } from 'node:timers/promises'

/** Time between two scrapes of a replica (milliseconds). */
const intervalMs = 5_000
/** Number of scrapes of the steady replica of which one is made after its garbage was collected. */
const scrapesPerCollection = 6
/** Time in which a process collects its garbage (milliseconds). */
const collectionMs = 300
const timeLimitMs = 4_000
const megabyte = 2 ** 20

/**
 * @typedef {import('./replicas.js').Replica} Replica
 *
 * @typedef {object} Life a process of a replica
 * @property {string} replica
 * @property {number} generation
 * @property {boolean} isSteady
 * @property {number[]} seconds since the load began, of each scrape
 * @property {number[]} rss resident memory at each scrape (MB)
 * @property {number[]} heap JavaScript heap in use at each scrape (MB)
 * @property {number[]} delay 99th percentile of the delay of the event loop since the scrape before (milliseconds)
 * @property {{ seconds: number[], rss: number[], heap: number[] }} collected the same after a collection of garbage
 * @property {Map<string, number>} samples all samples of the last scrape
 */

/**
 * Scrapes the metrics of all replicas until it is stopped.
 *
 * @param {Replica[]} replicas
 * @param {() => number} now seconds since the load began
 */
export function watchReplicas(replicas, now) {
  /** @type {Map<string, Life>} */
  const lives = new Map()
  const failures = { scrapes: 0 }
  let isOver = false

  /**
   * @param {Replica} replica
   * @param {boolean} [isCollected]
   */
  async function scrape(replica, isCollected = false) {
    try {
      addSamples(replica, await readMetrics(replica.metricsPort), isCollected)
    } catch {
      // A process that stops meanwhile has not failed.
      if (replica.isRunning) failures.scrapes += 1
    }
  }

  /**
   * @param {Replica} replica
   * @param {Map<string, number>} samples
   * @param {boolean} isCollected
   */
  function addSamples(replica, samples, isCollected) {
    const key = `${replica.name}-${replica.generation}`
    const life = lives.get(key) ?? createLife(replica)
    lives.set(key, life)
    const [rss, heap] = ['process_resident_memory_bytes', 'v8js_memory_heap_used_bytes'].map((name) =>
      Number((Number(samples.get(name)) / megabyte).toFixed(1)),
    )
    append(isCollected ? life.collected : life, { seconds: Math.round(now()), rss, heap })
    if (!isCollected)
      life.delay.push(Math.round(Number(samples.get('nodejs_eventloop_delay_p99_seconds')) * 1000))
    life.samples = samples
  }

  /** @param {Replica} replica */
  async function watch(replica) {
    for (let turn = 1; !isOver; turn++) {
      if (replica.isRunning) await scrape(replica)
      if (replica.isRunning && replica.isSteady && turn % scrapesPerCollection === 0) {
        process.kill(replica.pid, 'SIGUSR2')
        await delay(collectionMs)
        if (replica.isRunning) await scrape(replica, true)
      }
      await delay(intervalMs)
    }
  }

  const watching = Promise.all(replicas.map(watch))
  return {
    lives,
    failures,
    scrape,
    /** Ends the watch with a last scrape. */
    async stop() {
      isOver = true
      await watching
      await Promise.all(replicas.map((replica) => scrape(replica)))
    },
  }
}

/**
 * @param {Replica} replica
 * @returns {Life}
 */
function createLife({ name, generation, isSteady }) {
  const collected = { seconds: [], rss: [], heap: [] }
  return {
    replica: name,
    generation,
    isSteady,
    seconds: [],
    rss: [],
    heap: [],
    delay: [],
    collected,
    samples: new Map(),
  }
}

/**
 * @param {{ seconds: number[], rss: number[], heap: number[] }} series
 * @param {{ seconds: number, rss: number | undefined, heap: number | undefined }} point
 */
function append(series, { seconds, rss = Number.NaN, heap = Number.NaN }) {
  series.seconds.push(seconds)
  series.rss.push(rss)
  series.heap.push(heap)
}

/**
 * Returns all samples that a process exposes: values by name and labels.
 *
 * @param {number} port
 * @returns {Promise<Map<string, number>>}
 */
async function readMetrics(port) {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
    signal: AbortSignal.timeout(timeLimitMs),
  })
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(line.replace(/^.* /, ''))]))
}

/**
 * Adds up samples of the last scrapes of all processes.
 *
 * @param {Iterable<Life>} lives
 * @param {RegExp} name of samples, with their labels
 */
export function totalOf(lives, name) {
  let total = 0
  for (const { samples } of lives)
    for (const [sample, value] of samples) if (name.test(sample)) total += value
  return total
}
