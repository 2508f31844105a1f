import { isUtf8 } from 'node:buffer'

/**
 * Decodes percent-encoded text (RFC 3986 §2.1). A `%` that is not followed by two hexadecimal digits stands for itself.
 *
 * @param text one character per byte
 * @returns null if the bytes are not UTF-8: with replacement characters, different inputs would become equal
 */
export function decodePercent(text: string): string | null {
  const bytes = Buffer.from(text.replaceAll(/%([\da-f]{2})/gi, fromHex), 'latin1')
  return isUtf8(bytes) ? bytes.toString() : null
}

function fromHex(_escape: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16))
}
