import { startService } from '../lib/service.js'

const changes = 200
const readers = 8
const path = '/users/me/'

/**
 * Measures how long a busy process serves the old state after a change by SQL was acknowledged: the time from the
 * acknowledgement to the start of the last request that returned the old state, or 0 if there is none.
 *
 * @type {import('./scenario.js').Probe}
 */
export const coherence = {
  name: 'coherence',
  async probe({ token, database: { url, sql } }) {
    const service = await startService(url)
    const headers = { authorization: `Bearer ${await token()}` }
    /** @type {number[]} */
    const delays = []
    let unexpected = 0
    let isDone = false

    async function readName() {
      const began = performance.now()
      const response = await fetch(`${service.url}${path}`, { headers })
      if (response.status !== 200) unexpected += 1
      const { full_name: name } = /** @type {{ full_name: string }} */ (await response.json())
      return { began, name }
    }

    async function keepReading() {
      while (!isDone) await readName()
    }

    const reading = Array.from({ length: readers }, keepReading)
    for (let change = 0; change < changes; change++) {
      const name = `name ${change}`
      await sql.query("UPDATE users SET full_name = $1 WHERE username = 'johndoe'", [name])
      const acknowledged = performance.now()
      let old = acknowledged
      for (let read = await readName(); read.name !== name; read = await readName()) old = read.began
      delays.push(old - acknowledged)
    }
    isDone = true
    await Promise.all(reading)
    await service.stop()
    delays.sort((one, other) => one - other)
    const at = (/** @type {number} */ share) => delays[Math.ceil(share * delays.length) - 1] ?? Number.NaN
    const facts = {
      'old state served after a change, median, ms': at(0.5),
      'old state served after a change, p99, ms': at(0.99),
    }
    return { facts, unexpected }
  },
}
