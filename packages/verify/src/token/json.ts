/** A JSON object of which nothing is known. */
export type JsonObject = Record<string, unknown>

/** Parses a JSON object. @throws Error for any other text */
export function parseObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text)
  if (!isObject(value)) throw new Error('not a JSON object')
  return value
}

/** Returns whether a JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
