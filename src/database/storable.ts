/** Returns whether PostgreSQL can store a string as text: it contains neither NUL nor a lone surrogate. */
export function isStorable(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed()
}

/** Control characters, line and paragraph separators, and characters that change the direction of the text after them. */
const unfitForLine = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u

/** Returns whether a string can be stored as a name or title, and shown on one line without changing the text around it. */
export function isSingleLine(value: string): boolean {
  return isStorable(value) && !unfitForLine.test(value)
}

/** Returns whether a string can be stored as text of several lines: without control characters other than tabs and line breaks. */
export function isMultiLine(value: string): boolean {
  return isStorable(value) && !/(?![\t\n\r])\p{Cc}/u.test(value)
}

/** Returns whether a string is a UUID in lower case, as PostgreSQL and Node.js write it. */
export function isUuid(value: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(value)
}
