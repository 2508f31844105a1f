/** The integer, fraction and exponent of a number, as JSON and JavaScript write it. */

const numberParts = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** A fast path for most numbers: integers of up to 15 digits are exact. */
const shortInteger = /^(?:0|-?[1-9]\d{0,14})$/

/**
 * Returns whether a number has the same value after it has been parsed and written again. A number that JavaScript rounds has
 * not (RFC 8259 §6), and neither has -0.
 *
 * @param text a number in JSON syntax
 */
export function survivesRoundTrip(text: string): boolean {
  if (shortInteger.test(text)) return true
  const value = Number(text)
  return Number.isFinite(value) && !Object.is(value, -0) && toDecimal(text) === toDecimal(String(value))
}

/** Returns the canonical form of a number without its sign: the significant digits, and the exponent of the last one. */
function toDecimal(text: string): string {
  const parts = numberParts.exec(text) as unknown as [string, string, string?, string?]
  const [, integer, fraction = '', exponent = '0'] = parts
  const digits = integer + fraction
  // Loops instead of patterns: a pattern for trailing zeros takes quadratic time.
  let start = 0
  while (digits[start] === '0') start += 1
  let end = digits.length
  while (end > start && digits[end - 1] === '0') end -= 1
  if (start === end) return '0'
  return `${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`
}
