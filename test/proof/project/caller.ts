import { serviceClient } from '@latchkey/client'
import { secretFile } from '@latchkey/client/node'
import { jumpTo, machineTime } from './machine.js'

// A service that calls another one at a steady rate, whether or not its earlier calls have been answered.

const { ISSUER: issuer = '', CLIENT_ID: clientId = '', SECRET_FILE: file = '' } = process.env
const { ORDERS: orders = '', RATE: rate = '' } = process.env

/** Time between two batches of calls (milliseconds). */
const batchMs = 10
/** Maximum number of calls that have not been answered: a machine that is too slow makes fewer calls, and does not fail. */
const maxOpen = 500

const latchkey = serviceClient({
  issuer,
  clientId,
  clientSecret: secretFile(file),
  scope: 'orders:read',
})

/** Every call: when it began (milliseconds since 1970), and why it failed, or ''. */
const calls: [startedAt: number, outcome: string][] = []
const open = new Set<Promise<void>>()

async function call(): Promise<void> {
  const startedAt = machineTime()
  try {
    const response = await latchkey.fetch(orders)
    const body = await response.text()
    calls.push([startedAt, response.ok ? '' : `${response.status} ${body}`])
  } catch (error) {
    calls.push([startedAt, describe(error)])
  }
}

function describe(error: unknown): string {
  return error instanceof Error
    ? `${error}${error.cause ? ` < ${describe(error.cause)}` : ''}`
    : String(error)
}

const beganAt = machineTime()
let due = 0
const timer = setInterval(() => {
  const wanted = ((machineTime() - beganAt) / 1000) * Number(rate)
  for (; due < wanted; due++) {
    if (open.size >= maxOpen) continue
    const started: Promise<void> = call().finally(() => open.delete(started))
    open.add(started)
  }
}, batchMs)

process.on('disconnect', () => process.exit())
process.on('message', async (message: number | 'stop') => {
  if (message !== 'stop') return jumpTo(message)
  clearInterval(timer)
  await Promise.all(open)
  process.send?.({ calls })
})
