import { createHmac } from 'node:crypto'

/**
 * Returns the digest of texts under the MAC key (HMAC-SHA-256). Without the key a digest cannot be matched to a text.
 *
 * @param kind purpose of the digest: texts of two kinds never have the same digest
 */
export function keyedDigest(macKey: Buffer, kind: string, ...texts: string[]): Buffer {
  return createHmac('sha256', macKey)
    .update(JSON.stringify([kind, ...texts]))
    .digest()
}
