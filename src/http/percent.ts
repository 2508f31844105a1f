import { isUtf8 } from 'node:buffer'

/**
 * Decodes percent-encoded text (RFC 3986 §2.1), given as one character a byte; a `%` without two digits stands for itself.
 *
 * @returns null where the bytes are not UTF-8: replacement characters in their place would make one text of many
 */
export function decodePercent(text: string): string | null {
  const bytes = Buffer.from(text.replaceAll(/%([\da-f]{2})/gi, fromHex), 'latin1')
  return isUtf8(bytes) ? bytes.toString() : null
}

function fromHex(_escape: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16))
}
