import { randomUUID } from 'node:crypto'
import type { Transaction } from '../../database/client.js'
import { isStorable } from '../../database/storable.js'
import type { SealingKey } from '../../sealing/seal.js'
import { sealSecret } from './secrets.js'

/** Maximum number of webhooks. Every event is written into the outbox for each of them, in the transaction that records it. */
export const maxWebhooks = 20

/** Properties of a webhook that operators set. */
export interface WebhookSettings {
  url: string
  /** Actions of the events that are delivered; without any, all are. */
  actions: string[]
  /** PEM certificates that replace the well-known certificate authorities, or null. */
  ca: string | null
}

/** A webhook as operators manage it. */
export interface ManagedWebhook extends WebhookSettings {
  id: string
  name: string
  /** Time until which the secret before the current one signs too, if there is one. */
  previousUntil: Date | null
  disabledAt: Date | null
  disabledReason: string | null
  /** Time of the first failure since the last success, moved on by the time in which no due attempt was made. */
  failingSince: Date | null
  createdAt: Date
  updatedAt: Date
}

/** Returns the SQL condition of messages in the outbox to a webhook. @param id SQL of the webhook's id */
export function isMessageTo(id: string): string {
  return `kind = 'webhook' AND target = ${id}::text`
}

const columns = {
  id: true,
  name: true,
  url: true,
  actions: true,
  ca: true,
  previousUntil: true,
  disabledAt: true,
  disabledReason: true,
  failingSince: true,
  createdAt: true,
  updatedAt: true,
} as const

/** Returns all webhooks, sorted by name. */
export function listWebhooks(database: Transaction): Promise<ManagedWebhook[]> {
  return database.webhook.findMany({ orderBy: { name: 'asc' }, select: columns })
}

/** Returns a webhook, or null. */
export async function findWebhook(name: string, database: Transaction): Promise<ManagedWebhook | null> {
  if (!isStorable(name)) return null
  return database.webhook.findUnique({ where: { name }, select: columns })
}

/** Adds a webhook. Refuses one with a taken name, and one more than `maxWebhooks`. */
export async function addWebhook(
  webhook: WebhookSettings & { name: string },
  secret: string,
  current: SealingKey,
  transaction: Transaction,
): Promise<'added' | 'taken' | 'too_many'> {
  await transaction.$executeRaw`LOCK TABLE webhooks IN SHARE ROW EXCLUSIVE MODE`
  if (await findWebhook(webhook.name, transaction)) return 'taken'
  if ((await transaction.webhook.count()) >= maxWebhooks) return 'too_many'
  const id = randomUUID()
  const sealed = { sealedSecret: sealSecret(id, secret, current), sealedUnder: current.id }
  await transaction.webhook.create({ data: { id, ...webhook, ...sealed } })
  return 'added'
}

/** Changes a webhook. Returns false if there is none with this name. */
export async function updateWebhook(
  name: string,
  changes: Partial<WebhookSettings>,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.webhook.updateMany({ where: { name }, data: changes })
  return count === 1
}

/** Disables a webhook, or enables it as if it had never failed. Returns false if there is none with this name. */
export async function setWebhookDisabled(
  name: string,
  disabled: boolean,
  database: Transaction,
): Promise<boolean> {
  const changed = disabled
    ? await database.$executeRaw`
        UPDATE webhooks SET disabled_at = coalesce(disabled_at, now()), disabled_reason = 'operator' WHERE name = ${name}`
    : await database.$executeRaw`
        UPDATE webhooks SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL WHERE name = ${name}`
  return changed === 1
}

/** Deletes a webhook. Its messages are removed afterwards. Returns false if there is none with this name. */
export async function deleteWebhook(name: string, database: Transaction): Promise<boolean> {
  const { count } = await database.webhook.deleteMany({ where: { name } })
  return count === 1
}
