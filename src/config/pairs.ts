/** Maximum number of pairs in a text. */
const maxPairs = 64

/** Matches a name and a value, as the names of header lines (RFC 9110 §5.1) and of attributes are. */
const pair = /^([\w.!#$&'*+^`|~-]+) ?= ?([\x21-\x7e]*)$/
const printable = /^[\x20-\x7e]*$/

/**
 * Returns the pairs of a text `name=value,name=value`, whose values are percent-encoded, as OpenTelemetry's specification has it; or
 * null for any other text.
 */
export function readPairs(text: string): Record<string, string> | null {
  const parts = text.split(',').map((part) => part.trim())
  const pairs = parts.filter(Boolean).map(readPair)
  const isValid = pairs.length > 0 && pairs.length <= maxPairs && pairs.every((one) => one !== null)
  return isValid ? Object.fromEntries(pairs) : null
}

function readPair(text: string): [string, string] | null {
  const [, name, encoded] = pair.exec(text) ?? []
  if (name === undefined || encoded === undefined) return null
  try {
    const value = decodeURIComponent(encoded)
    return printable.test(value) ? [name, value] : null
  } catch {
    return null
  }
}
