import { randomBytes } from 'node:crypto'
import type { Database, Transaction } from '../../database/client.js'
import { type QueryTarget, queryRows, within } from '../../database/query.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { seal } from '../../sealing/seal.js'
import { isExposed, type SealingKeys, unsealWithAny } from '../../sealing/sealing-keys.js'
import { withKeysLock } from './key-store.js'

/** What the key of all keyed hashes is sealed for. */
export const macKeyPurpose = 'mac key'
const macKeyBytes = 32

/**
 * Returns the key of all keyed hashes, or null where the next start creates one: before the first start, and where the
 * stored key is sealed under a published secret.
 *
 * @throws OperatorError when the key is sealed under an unknown secret
 */
export async function findMacKey(database: Database, sealingKeys: SealingKeys): Promise<Buffer | null> {
  const stored = await findStored(database)
  if (!stored || isExposed(stored, sealingKeys[0])) return null
  return unsealStored(stored, sealingKeys)
}

/**
 * Returns the key of all keyed hashes. The first start creates it. A key that is sealed under a published secret is
 * replaced; the stored digests of client secrets depend on the key, so all client secrets are removed with it.
 *
 * @param onReplaced called after a key was replaced
 * @throws OperatorError when the key is sealed under an unknown secret
 */
export async function getOrCreateMacKey(
  database: Database,
  sealingKeys: SealingKeys,
  onReplaced: () => void,
): Promise<Buffer> {
  const [current] = sealingKeys
  const known = await findStored(database)
  if (known?.sealedUnder === current.id) return unsealStored(known, sealingKeys)
  let isReplaced = false
  const key = await withKeysLock(database, async (transaction) => {
    const stored = await findStored(within(transaction))
    isReplaced = stored !== null && isExposed(stored, current)
    const key = stored && !isReplaced ? unsealStored(stored, sealingKeys) : randomBytes(macKeyBytes)
    if (isReplaced) await transaction.clientSecret.deleteMany()
    const sealedKey = new Uint8Array(seal(key, macKeyPurpose, current))
    const data = { sealedKey, sealedUnder: current.id }
    await transaction.macKey.upsert({ where: { id: 1 }, create: data, update: data })
    return key
  })
  if (isReplaced) onReplaced()
  return key
}

/**
 * Requires that the keys in the database are encrypted under the current secret, as they are after a start, and locks them until the
 * transaction ends. Something that is sealed under another one would be lost to the processes of the service.
 *
 * @throws OperatorError
 */
export async function requireCurrentSecret(
  transaction: Transaction,
  sealingKeys: SealingKeys,
): Promise<void> {
  const [current] = sealingKeys
  const stored = await withKeysLock(transaction, (locked) => findStored(within(locked)))
  if (!stored || stored.sealedUnder === current.id) return
  if (!isExposed(stored, current)) unsealStored(stored, sealingKeys)
  throw new OperatorError(
    'the keys in the database are encrypted under a former KEY_ENCRYPTION_SECRET: start the service with the present one first',
  )
}

/** The key as it is stored. */
interface StoredMacKey {
  sealedKey: Uint8Array
  /** Id of the sealing key. */
  sealedUnder: string
}

async function findStored(target: QueryTarget): Promise<StoredMacKey | null> {
  const [stored] = await queryRows<StoredMacKey>(storedMacKey, [], target)
  return stored ?? null
}

const storedMacKey =
  'SELECT sealed_key AS "sealedKey", sealed_under AS "sealedUnder" FROM mac_keys WHERE id = 1'

function unsealStored({ sealedKey, sealedUnder }: StoredMacKey, sealingKeys: SealingKeys): Buffer {
  return unsealWithAny(sealedKey, macKeyPurpose, sealedUnder, sealingKeys)
}
