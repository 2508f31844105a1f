import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { retryableOnce } from '../../lifecycle/once.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { type EncryptionSecrets, sealingKeysOf } from '../../sealing/sealing-keys.js'
import { getOrCreateMacKey } from './mac-key-store.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Returns the current key of the keyed hashes, from memory until a change of it is announced. */
    readMacKey(): Promise<Buffer>
  }
}

/**
 * Registers `app.readMacKey`, which keeps the MAC key in memory until a change of it is announced. A replica keeps using
 * the former key when it cannot decrypt the present one, as during a rollout of a new KEY_ENCRYPTION_SECRET.
 */
export const macKey = plugin(registerMacKey, { name: 'mac-key', dependencies: ['change-feed'] })

async function registerMacKey(
  app: FastifyInstance,
  { config }: { config: EncryptionSecrets },
): Promise<void> {
  const sealingKeys = sealingKeysOf(config)
  let former: Buffer | undefined

  async function readKey(): Promise<Buffer> {
    try {
      former = await getOrCreateMacKey(app.database, sealingKeys, warnOfReplacement)
      return former
    } catch (error) {
      if (!former || !(error instanceof OperatorError)) throw error
      app.log.error({ reason: error.message }, 'the MAC key cannot be read again')
      return former
    }
  }

  function warnOfReplacement(): void {
    app.log.warn(`the MAC key was sealed under a published secret and has been replaced: ${macKeyReplaced}`)
  }

  let readOnce = retryableOnce(readKey)
  app.changes.subscribe(function invalidate(change) {
    if (change === null || change.startsWith('mac:')) readOnce = retryableOnce(readKey)
  })
  app.decorate('readMacKey', () => readOnce())
}

/** Log message for operators after the MAC key was replaced. */
export const macKeyReplaced =
  'each confidential client needs a new secret (latchkey clients rotate-secret CLIENT-ID)'
