import { isUtf8 } from 'node:buffer'

/** Matches a text that is not plain ASCII, or has escapes. */
const needsDecoding = /[%\x80-\xff]/

/**
 * Decodes percent-encoded text (RFC 3986 §2.1). A `%` that is not followed by two hexadecimal digits stands for itself.
 *
 * @param text one character per byte
 * @returns null if the bytes are not UTF-8: with replacement characters, different inputs would become equal
 */
export function decodePercent(text: string): string | null {
  if (!needsDecoding.test(text)) return text
  const bytes = Buffer.from(text.replaceAll(/%([\da-f]{2})/gi, fromHex), 'latin1')
  return isUtf8(bytes) ? bytes.toString() : null
}

function fromHex(_escape: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16))
}

/**
 * Percent-encodes a text for a header field: all but printable ASCII, spaces at its ends, which recipients remove, and `%`, so
 * that no two texts become equal.
 */
export function encodePercent(text: string): string {
  return text.replaceAll(/[^ -$&-~]|^ | $/gu, toEscapes)
}

function toEscapes(character: string): string {
  const bytes = [...Buffer.from(character)]
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
