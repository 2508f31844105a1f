import { residentMemory, watchPeakMemory } from '../lib/memory.js'
import { startService } from '../lib/service.js'

const owned = 1_000_000
const newline = 0x0a

/** Measures the rate and the memory of an export of 1,000,000 items. @type {import('./scenario.js').Probe} */
export const exportAll = {
  name: 'export',
  async probe({ database, largeOwner }) {
    const { token } = await largeOwner()
    const service = await startService(database.url)
    await readLines(service.url, token, 1_000)
    const before = residentMemory(service.pid)
    const endWatch = watchPeakMemory(service.pid)
    const began = performance.now()
    const lines = await readLines(service.url, token)
    const rate = lines / ((performance.now() - began) / 1000)
    const peak = endWatch()
    await service.stop()
    const facts = {
      'export, items per second': rate,
      'export, memory before, MB': before,
      'export, memory at its peak, MB': peak,
    }
    return { facts, unexpected: lines >= owned ? 0 : 1 }
  },
}

/**
 * @param {string} url
 * @param {string} token
 * @param {number} [enough] number of lines after which the connection is closed
 */
async function readLines(url, token, enough = Number.POSITIVE_INFINITY) {
  const headers = { authorization: `Bearer ${token}` }
  const { ok, body } = await fetch(`${url}/users/me/items/export`, { headers })
  if (!ok || !body) return 0
  let lines = 0
  for await (const chunk of body) {
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) lines += 1
    if (lines >= enough) break
  }
  return lines
}
