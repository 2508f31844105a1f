import { macKeyPurpose } from '../auth/keys/mac-key-store.js'
import { purposeOf as purposeOfWebhook } from '../outbox/webhooks/secrets.js'

/** A column whose values are sealed under the KEY_ENCRYPTION_SECRET that `sealed_under` of the same row names. */
interface SealedColumn {
  table: string
  column: string
  /** Returns what a value was sealed for. */
  purposeOf(row: Record<string, string | null>): string
}

/** Every sealed column of the database. */
export const sealedColumns: readonly SealedColumn[] = [
  { table: 'signing_keys', column: 'sealed_private_key', purposeOf: ({ kid }) => String(kid) },
  { table: 'mac_keys', column: 'sealed_key', purposeOf: () => macKeyPurpose },
  { table: 'webhooks', column: 'sealed_previous_secret', purposeOf: purposeOfWebhookRow },
  { table: 'webhooks', column: 'sealed_secret', purposeOf: purposeOfWebhookRow },
]

function purposeOfWebhookRow({ id }: Record<string, string | null>): string {
  return purposeOfWebhook(String(id))
}
