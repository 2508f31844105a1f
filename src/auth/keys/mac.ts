import type { FastifyInstance } from 'fastify'
import type { Config } from '../../config/index.js'
import { retryableOnce } from '../../lifecycle/once.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { getOrCreateMacKey } from './key-store.js'
import { sealingKeysOf } from './ring.js'

/**
 * Makes `app.readMacKey`, which keeps the key in memory until a change of it is announced. A replica that cannot decrypt
 * the key as it is now, since others have another secret already, goes on with the key that it had.
 */
export function registerMacKey(app: FastifyInstance, config: Config): () => Promise<Buffer> {
  const sealingKeys = sealingKeysOf(config)
  let former: Buffer | undefined

  async function readKey(): Promise<Buffer> {
    try {
      former = await getOrCreateMacKey(app.database, sealingKeys, warnOfReplacement)
      return former
    } catch (error) {
      if (!former || !(error instanceof OperatorError)) throw error
      app.log.error({ reason: error.message }, 'the key of the hashes cannot be read again')
      return former
    }
  }

  function warnOfReplacement(): void {
    app.log.warn(
      `the key of the hashes was sealed under a published secret and is replaced: ${macKeyReplaced}`,
    )
  }

  let readOnce = retryableOnce(readKey)
  app.changes.subscribe(function forget(change) {
    if (change === null || change.startsWith('mac:')) readOnce = retryableOnce(readKey)
  })
  return () => readOnce()
}

/** What the replacement of the key asks of operators. */
export const macKeyReplaced =
  'each confidential client needs a new secret (latchkey clients rotate-secret CLIENT-ID)'
