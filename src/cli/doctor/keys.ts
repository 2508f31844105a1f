import { listKeys, openPrivateKey } from '../../auth/keys/key-store.js'
import { findMacKey } from '../../auth/keys/mac-key-store.js'
import { isExposed, sealingKeysOf } from '../../sealing/sealing-keys.js'
import { type CheckContext, type Finding, finding } from './finding.js'

const willBeReplaced =
  'are encrypted under a published secret: the next start replaces them, which ends all tokens and client secrets'

/** Checks that keys are encrypted under the current secrets, and only under those. */
export async function checkKeys({ config, database }: CheckContext): Promise<Finding[]> {
  const sealingKeys = sealingKeysOf(config)
  const keys = (await listKeys(database)).filter(({ retiredAt }) => retiredAt === null)
  const exposed = [...keys, ...(await database.macKey.findMany())].filter((key) =>
    isExposed(key, sealingKeys[0]),
  )
  if (exposed.length > 0)
    return [{ state: 'fail', check: 'keys', explanation: `${exposed.length} ${willBeReplaced}` }]
  await findMacKey(database, sealingKeys)
  if (config.jwtSecret) return [{ state: 'ok', check: 'keys', explanation: 'a shared secret signs' }]
  for (const key of keys) openPrivateKey(key, sealingKeys)
  return [{ state: 'ok', check: 'keys', explanation: `${keys.length} can be decrypted` }]
}

/** Checks that confidential clients can authenticate. They lose their secrets when a published one is replaced. */
export async function checkClients({ database }: CheckContext): Promise<Finding[]> {
  const without = await database.client.findMany({
    where: {
      confidential: true,
      disabled: false,
      secrets: { none: {} },
      keys: null,
      trustedIssuers: { none: {} },
    },
    select: { clientId: true },
    orderBy: { clientId: 'asc' },
  })
  const names = without.map(({ clientId }) => clientId).join(', ')
  return [
    finding('clients', without.length === 0, {
      ok: 'all that need a secret or keys have them',
      warn: `without a secret, keys and a trusted issuer: ${names}: run latchkey clients rotate-secret CLIENT-ID`,
    }),
  ]
}
