import { median } from '../lib/rounds.js'
import { startService } from '../lib/service.js'

const starts = 5

/** Measures the time from the start of a process until /readyz responds with 200. @type {import('./scenario.js').Probe} */
export const start = {
  name: 'start',
  async probe({ database }) {
    const times = []
    for (let i = 0; i < starts; i++) {
      const { readyMs, stop } = await startService(database.url)
      await stop()
      times.push(readyMs)
    }
    return { facts: { 'start until ready, ms': median(times) ?? Number.NaN }, unexpected: 0 }
  },
}
