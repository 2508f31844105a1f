import { createHmac } from 'node:crypto'

/**
 * Returns the digest of texts under the MAC key (HMAC-SHA-256), which nobody without the key can compare with a guess.
 *
 * @param kind what the texts are: those of two kinds never have the same digest
 */
export function keyedDigest(macKey: Buffer, kind: string, ...texts: string[]): Buffer {
  return createHmac('sha256', macKey)
    .update(JSON.stringify([kind, ...texts]))
    .digest()
}
