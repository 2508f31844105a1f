import { randomBytes } from 'node:crypto'
import type { Database } from '../../database/client.js'
import { withKeysLock } from './key-store.js'
import { seal } from './seal.js'
import { isExposed, type SealingKeys, unsealWithAny } from './sealing-keys.js'

const macKeyPurpose = 'mac key'
const macKeyBytes = 32

/**
 * Returns the key of all keyed hashes, or null where the next start creates one: before the first start, and where the
 * stored key is sealed under a published secret.
 *
 * @throws OperatorError when the key is sealed under an unknown secret
 */
export async function findMacKey(database: Database, sealingKeys: SealingKeys): Promise<Buffer | null> {
  const stored = await database.macKey.findUnique({ where: { id: 1 } })
  if (!stored || isExposed(stored, sealingKeys[0])) return null
  return unsealWithAny(stored.sealedKey, macKeyPurpose, stored.sealedUnder, sealingKeys)
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
  let isReplaced = false
  const key = await withKeysLock(database, async (transaction) => {
    const stored = await transaction.macKey.findUnique({ where: { id: 1 } })
    isReplaced = stored !== null && isExposed(stored, current)
    const key =
      stored && !isReplaced
        ? unsealWithAny(stored.sealedKey, macKeyPurpose, stored.sealedUnder, sealingKeys)
        : randomBytes(macKeyBytes)
    if (stored?.sealedUnder === current.id) return key
    if (isReplaced) await transaction.clientSecret.deleteMany()
    const sealedKey = new Uint8Array(seal(key, macKeyPurpose, current))
    const data = { sealedKey, sealedUnder: current.id }
    await transaction.macKey.upsert({ where: { id: 1 }, create: data, update: data })
    return key
  })
  if (isReplaced) onReplaced()
  return key
}
