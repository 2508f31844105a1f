import { OperatorError } from '../../lifecycle/operator-error.js'
import { type SealingKey, seal, unseal } from '../../sealing/seal.js'
import { isExposed, type SealingKeys } from '../../sealing/sealing-keys.js'

/** Command that gives a webhook another secret without decrypting the present one. */
const remedy = 'run latchkey webhooks rotate-secret NAME --now'

/** Secrets of a webhook as they are stored, encrypted. */
export interface SealedSecrets {
  id: string
  sealedSecret: Uint8Array
  /** The previous secret, while it still signs. */
  sealedPreviousSecret: Uint8Array | null
  /** Id of the sealing key. */
  sealedUnder: string
}

/** Encrypts a secret of a webhook. */
export function sealSecret(id: string, secret: string, current: SealingKey): Uint8Array<ArrayBuffer> {
  return new Uint8Array(seal(Buffer.from(secret), purposeOf(id), current))
}

/**
 * Decrypts the secrets of a webhook, the current one first.
 *
 * @throws OperatorError if they are encrypted under an unknown or a published secret, or are damaged
 */
export function openSecrets(webhook: SealedSecrets, sealingKeys: SealingKeys): string[] {
  const { id, sealedSecret, sealedPreviousSecret, sealedUnder } = webhook
  if (isExposed(webhook, sealingKeys[0]))
    throw new OperatorError(`the secret was encrypted under a published one: ${remedy}`)
  const key = sealingKeys.find((one) => one.id === sealedUnder)
  if (!key)
    throw new OperatorError(
      `the secret is encrypted under another KEY_ENCRYPTION_SECRET: set that as KEY_ENCRYPTION_SECRET_PREVIOUS, or if it is lost ${remedy}`,
    )
  const sealed = sealedPreviousSecret ? [sealedSecret, sealedPreviousSecret] : [sealedSecret]
  try {
    return sealed.map((one) => unseal(one, purposeOf(id), key).toString())
  } catch {
    throw new OperatorError(`the encrypted secret is damaged: ${remedy}`)
  }
}

/** Returns what the secrets of a webhook are encrypted for. */
export function purposeOf(id: string): string {
  return `webhook ${id}`
}
