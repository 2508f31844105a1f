import type { Database, Transaction } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { type Client, lockClient } from './clients.js'

/** The digest of a secret of a client, which can have two. */
type ClientSecret = Client['secrets'][number]

/** Precision of the time of a secret's last use. It saves a write per request. */
const lastUsePrecisionSeconds = 60

/** Time at which this process last recorded the use of a secret, by `performance.now()`. */
const notedAt = new WeakMap<ClientSecret, number>()

/** Records the use of a secret, to the minute. */
export async function noteSecretUse(secret: ClientSecret, database: Database): Promise<void> {
  const now = performance.now()
  if (now - (notedAt.get(secret) ?? Number.NEGATIVE_INFINITY) < lastUsePrecisionSeconds * 1_000) return
  notedAt.set(secret, now)
  await queryRows(noteUse, [secret.clientId, secret.slot], database)
}

const noteUse = `
  UPDATE client_secrets SET last_used_at = now()
  WHERE client_id = $1 AND slot = $2
    AND (last_used_at IS NULL OR last_used_at <= now() - make_interval(secs => ${lastUsePrecisionSeconds}))`

/** Stores a new secret in place of the older of the two. Waits for other transactions that do the same. */
export async function addSecret(clientId: string, digest: Buffer, transaction: Transaction): Promise<void> {
  await lockClient(clientId, transaction)
  const secrets = await transaction.clientSecret.findMany({ where: { clientId } })
  const createdAt = (slot: number) => secrets.find((secret) => secret.slot === slot)?.createdAt.getTime() ?? 0
  const slot = createdAt(1) <= createdAt(2) ? 1 : 2
  await transaction.clientSecret.deleteMany({ where: { clientId, slot } })
  await transaction.clientSecret.create({ data: { clientId, slot, digest: new Uint8Array(digest) } })
}

/** Removes all secrets of a client, which then authenticates with assertions only. */
export async function removeSecrets(clientId: string, database: Transaction): Promise<void> {
  await database.clientSecret.deleteMany({ where: { clientId } })
}
