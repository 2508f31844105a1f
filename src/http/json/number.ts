/** Whole digits, fraction and exponent of a number, as JSON and JavaScript write it. */
const numberParts = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** Most numbers: integers that are exact whatever their digits are. */
const shortInteger = /^(?:0|-?[1-9]\d{0,14})$/

/**
 * Whether a number of a JSON text has the same value after it has been parsed and written again. One that JavaScript
 * rounds has another (RFC 8259 §6), and the sign of zero is lost.
 *
 * @param text of JSON's syntax
 */
export function survivesRoundTrip(text: string): boolean {
  if (shortInteger.test(text)) return true
  const value = Number(text)
  return Number.isFinite(value) && !Object.is(value, -0) && toDecimal(text) === toDecimal(String(value))
}

/** The one way to write a decimal value, its sign aside: significant digits and the exponent of the last of them. */
function toDecimal(text: string): string {
  const parts = numberParts.exec(text) as unknown as [string, string, string?, string?]
  const [, whole, fraction = '', exponent = '0'] = parts
  const digits = whole + fraction
  // Walks in from both ends: a pattern for trailing zeros would try again at each zero inside.
  let start = 0
  while (digits[start] === '0') start += 1
  let end = digits.length
  while (end > start && digits[end - 1] === '0') end -= 1
  if (start === end) return '0'
  return `${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`
}
