/** A JSON object of which nothing is known. */
export type JsonObject = Record<string, unknown>

/**
 * Parses a JSON object. Its errors do not quote the text, as that of a token endpoint is secret.
 *
 * @throws Error for any other text
 */
export function parseObject(text: string): JsonObject {
  const value = parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('the response is not a JSON object')
  return value as JsonObject
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(text === '' ? 'the response is empty' : 'the response is not JSON')
  }
}
