import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { query } from '../database/query.js'
import type { Service } from '../helpers/service.js'

/** An owner of items, with an access token. */
export interface Owner {
  id: string
  username: string
  token: string
}

/** A response to a request that was not carried out. */
export interface Refusal {
  status: number
  retryAfter: string | null
  code: string
}

/** Adds items of one owner, one after the other, until it is stopped. */
export interface Writer {
  owner: Owner
  /** Ids of the items whose addition the service has confirmed. */
  confirmed: string[]
  refusals: Refusal[]
  /** Longest time that a confirmed addition took (milliseconds). */
  longestMs: number
  stop(): Promise<void>
}

/** Pause after a request that was not carried out (milliseconds), as a client would make. */
const pauseMs = 50

/** Starts to add items. It stops with the test at the latest. */
export function startWriter(t: Test, service: Service, owner: Owner): Writer {
  let isStopped = false
  const writer: Writer = {
    owner,
    confirmed: [],
    refusals: [],
    longestMs: 0,
    async stop() {
      isStopped = true
      await writing
    },
  }
  async function write(): Promise<void> {
    for (let number = 0; !isStopped; number++) {
      const itemId = `${owner.username}-${Date.now()}-${number}`
      const beganAt = performance.now()
      const refusal = await addItem(service, owner, itemId)
      if (refusal) {
        writer.refusals.push(refusal)
        await delay(pauseMs)
      } else {
        writer.confirmed.push(itemId)
        writer.longestMs = Math.max(writer.longestMs, performance.now() - beganAt)
      }
    }
  }
  const writing = write()
  t.teardown(writer.stop)
  return writer
}

/** Adds an item. Returns the response if it was not carried out. */
async function addItem(service: Service, { token }: Owner, itemId: string): Promise<Refusal | null> {
  const response = await fetch(`${service.origin}/users/me/items/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ item_id: itemId, title: 'written under load' }),
  })
  const { code = '' } = (await response.json()) as { code?: string }
  if (response.status === 201) return null
  return { status: response.status, retryAfter: response.headers.get('retry-after'), code }
}

/** Returns the confirmed items of all writers that the database does not have. */
export async function findLost(url: string, writers: Writer[]): Promise<string[]> {
  const lost: string[] = []
  for (const { owner, confirmed } of writers) {
    const stored = await query<{ item_id: string }>(url, 'SELECT item_id FROM items WHERE owner_id = $1', [
      owner.id,
    ])
    const ids = new Set(stored.map(({ item_id }) => item_id))
    lost.push(...confirmed.filter((id) => !ids.has(id)))
  }
  return lost
}
