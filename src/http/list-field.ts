/** Matches an element of a list: text between commas that are not within quotes. */
const element = /(?:"[^"]*"?|[^",])+/g

/** Returns the elements of a header field that is a list (RFC 9110 §5.6.1), without empty ones. */
export function parseList(field: string): string[] {
  const elements = field.match(element) ?? []
  return elements.map((text) => text.trim()).filter((text) => text !== '')
}
