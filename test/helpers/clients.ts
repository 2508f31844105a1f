import { getOrCreateMacKey } from '../../src/auth/keys/mac-key-store.js'
import { digestClientSecret } from '../../src/auth/secrets.js'
import { loadConfig } from '../../src/config/index.js'
import type { Database } from '../../src/database/client.js'
import { sealingKeysOf } from '../../src/sealing/sealing-keys.js'

/** Stores a confidential client that may use every grant, with a secret of any text. By default it has no rights. */
export async function storeClient(
  database: Database,
  clientId: string,
  secret: string,
  scopes = ['me', 'items:read'],
  rights: string[] = [],
): Promise<void> {
  const macKey = await getOrCreateMacKey(database, sealingKeysOf(loadConfig({})), () => {})
  await database.client.create({
    data: {
      clientId,
      name: clientId,
      confidential: true,
      grants: ['password', 'refresh_token', 'client_credentials'],
      scopes,
      rights,
      secrets: { create: { slot: 1, digest: new Uint8Array(digestClientSecret(secret, macKey)) } },
    },
  })
}
