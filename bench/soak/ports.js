import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Ports below those that systems give to outgoing connections, which could take a port while its replica restarts. */
const first = 20_000
const end = 32_000
const attempts = 100

/** Returns a port of 127.0.0.1 that is free now, and to which nothing is given at random. */
export async function findStablePort() {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(first, end)
    if (await isFree(port)) return port
  }
  throw new Error('no port is free')
}

/** @param {number} port */
async function isFree(port) {
  const probe = createServer().listen(port, '127.0.0.1')
  try {
    await once(probe, 'listening')
  } catch {
    return false
  }
  probe.close()
  await once(probe, 'close')
  return true
}
