import { setTimeout as delay } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { runCommand } from '../lib/service.js'
import { startReceiver } from './server.js'

const name = 'soak'
/** Time for the messages of the last events to arrive (milliseconds). An attempt that failed is repeated after 5, 15 and 45 s. */
const drainMs = 90_000
const pollMs = 500

/**
 * Starts a receiver of webhooks, and creates the webhook.
 *
 * @param {string} databaseUrl
 */
export async function startWebhook(databaseUrl) {
  /** @type {Webhook | undefined} */
  let verifier
  /** Ids of audit events, by the ids of their messages. @type {Map<string, string>} */
  const events = new Map()
  const received = { messages: 0, repeated: 0, forged: 0 }

  const host = await startReceiver((body, headers) => {
    received.messages += 1
    try {
      const message = /** @type {{ data: { id: string } }} */ (
        verifier?.verify(body, /** @type {Record<string, string>} */ (headers))
      )
      const id = String(headers['webhook-id'])
      if (events.has(id)) received.repeated += 1
      else events.set(id, message.data.id)
      return 204
    } catch {
      received.forged += 1
      return 400
    }
  })
  const settings = { WEBHOOK_INTERNAL_HOSTS: host }
  const args = ['webhooks', 'create', name, '--url', `http://${host}/`]
  const { secret } = await runCommand(databaseUrl, args, settings)
  verifier = new Webhook(secret)
  return { settings, received, events }
}

/**
 * Waits until all messages have been delivered, and compares them with the audit events.
 *
 * @param {import('./database.js').SoakDatabase} database
 * @param {Awaited<ReturnType<typeof startWebhook>>} webhook
 * @returns the number of events since the webhook was created, that one included, and the ids of those without a message, with too many of them, and
 * of messages without an event
 */
export async function compareWithEvents(database, { events }) {
  const deadline = Date.now() + drainMs
  while ((await countPending(database)) > 0 && Date.now() < deadline) await delay(pollMs)
  const recorded = await readEvents(database)
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const id of events.values()) counts.set(id, (counts.get(id) ?? 0) + 1)
  const isRecorded = new Set(recorded.map(({ id }) => id))
  return {
    recorded: recorded.length,
    missing: recorded.filter(({ id, messages }) => (counts.get(id) ?? 0) < messages).map(({ id }) => id),
    excessive: recorded.filter(({ id, messages }) => (counts.get(id) ?? 0) > messages).map(({ id }) => id),
    unknown: [...counts.keys()].filter((id) => !isRecorded.has(id)),
  }
}

/** @param {import('./database.js').SoakDatabase} database */
async function countPending(database) {
  const { rows } = await database.use((sql) =>
    sql.query('SELECT count(*)::int AS pending FROM outbox WHERE delivered_at IS NULL'),
  )
  return rows[0].pending
}

/**
 * Returns the events since the webhook was created, that one included, and the number of messages that each one makes: repeated failures are counted
 * in one event, which is sent at the 1st, 10th, 100th … occurrence.
 *
 * @param {import('./database.js').SoakDatabase} database
 * @returns {Promise<{ id: string, messages: number }[]>}
 */
async function readEvents(database) {
  const { rows } = await database.use((sql) =>
    sql.query(
      `SELECT id, 1 + floor(log(count))::int AS messages FROM events
       WHERE id >= (SELECT id FROM events WHERE action = 'webhook_created' AND subject = $1)`,
      [`webhook:${name}`],
    ),
  )
  return rows
}
