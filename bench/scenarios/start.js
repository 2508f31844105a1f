import { median } from '../lib/rounds.js'
import { startService } from '../lib/service.js'

const starts = 5

/** How long a start takes, until /readyz answers 200. @type {import('./scenario.js').Inquiry} */
export const start = {
  name: 'start',
  async inquire({ database }) {
    const times = []
    for (let i = 0; i < starts; i++) {
      const { readyMs, stop } = await startService(database.url)
      await stop()
      times.push(readyMs)
    }
    return { facts: { 'start until ready, ms': median(times) ?? Number.NaN }, unexpected: 0 }
  },
}
