import type { Config } from '../config/index.js'
import { publishedSecrets } from '../config/production.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { type SealingKey, sealingKey, unseal } from './seal.js'

/** Settings that the sealing keys are derived from. */
export type EncryptionSecrets = Pick<Config, 'keyEncryptionSecret' | 'keyEncryptionSecretPrevious'>

/** The key that seals, and the previous keys that stored keys and secrets may still be sealed under. */
export type SealingKeys = [current: SealingKey, ...previous: SealingKey[]]

/** Derives the sealing keys of a deployment. */
export function sealingKeysOf({
  keyEncryptionSecret: current,
  keyEncryptionSecretPrevious: previous,
}: EncryptionSecrets): SealingKeys {
  return previous ? [sealingKey(current), sealingKey(previous)] : [sealingKey(current)]
}

/** Returns whether something is sealed under a published secret that is not the current one, so that anybody can decrypt it. */
export function isExposed({ sealedUnder }: { sealedUnder: string }, current: SealingKey): boolean {
  return (
    sealedUnder !== current.id && publishedSecrets.some((secret) => sealingKey(secret).id === sealedUnder)
  )
}

/**
 * Decrypts with whichever of the keys sealed the bytes.
 *
 * @param sealedUnder id of the sealing key
 * @throws OperatorError when none of the keys has that id, or the bytes are damaged
 */
export function unsealWithAny(
  sealed: Uint8Array,
  purpose: string,
  sealedUnder: string,
  keys: SealingKeys,
): Buffer {
  const key = keys.find(({ id }) => id === sealedUnder)
  if (!key)
    throw new OperatorError(
      'the keys in the database are encrypted under another KEY_ENCRYPTION_SECRET; ' +
        'set that one as KEY_ENCRYPTION_SECRET_PREVIOUS to have them encrypted anew',
    )
  try {
    return unseal(sealed, purpose, key)
  } catch {
    throw new OperatorError(`the encrypted ${purpose} in the database is damaged`)
  }
}
