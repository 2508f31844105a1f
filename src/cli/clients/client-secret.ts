import { macKeyReplaced } from '../../auth/keys/mac.js'
import { getOrCreateMacKey } from '../../auth/keys/mac-key-store.js'
import { digestClientSecret, newClientSecret } from '../../auth/secrets.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import type { Io } from '../io.js'
import type { DatabaseContext } from '../run.js'

/** Creates a secret, and the digest that is stored of it. */
export async function makeSecret(
  { config, database }: DatabaseContext,
  { stderr }: Io,
): Promise<{ text: string; digest: Buffer }> {
  const macKey = await getOrCreateMacKey(database, sealingKeysOf(config), () =>
    stderr.write(`latchkey: the secrets of all clients were removed: ${macKeyReplaced}\n`),
  )
  const text = newClientSecret()
  return { text, digest: digestClientSecret(text, macKey) }
}

/** Returns the lines that show a new secret. */
export function showSecret(clientId: string, secret: string): string[] {
  return [`client_id      ${clientId}`, `client_secret  ${secret}`, 'The secret is not shown again.']
}
