/**
 * @typedef {{
 *   type?: string | string[]
 *   description: string
 *   default?: unknown
 *   properties?: Record<string, Value>
 *   [keyword: string]: unknown
 * }} Value a JSON schema
 */

export const name = { type: 'string', maxLength: 253, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' }
export const optionalName = { ...name, pattern: '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$', default: '' }
export const texts = { type: 'object', additionalProperties: { type: 'string' }, default: {} }
/** Parts of Kubernetes' own resources, whose members the API server checks. */
export const object = { type: 'object', default: {} }
export const objects = { type: 'array', items: { type: 'object' }, default: [] }
export const port = { type: 'integer', minimum: 1, maximum: 65_535 }

/**
 * Returns the schema of values that belong together.
 *
 * @param {string} description
 * @param {Record<string, Value>} properties
 * @returns {Value}
 */
export function group(description, properties) {
  return { type: 'object', description, additionalProperties: false, properties }
}
