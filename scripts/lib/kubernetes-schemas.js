/** @typedef {{ [key: string]: unknown }} JsonObject */

const definitionsFile = 'definitions.json'
/** What Kubernetes takes beyond the type that its document states. */
const looserTypes = new Map([
  ['io.k8s.apimachinery.pkg.api.resource.Quantity', { type: ['string', 'number'] }],
  ['io.k8s.apimachinery.pkg.util.intstr.IntOrString', { type: ['string', 'integer'] }],
])

/**
 * Returns the schemas of resources by their file name, and the definitions that they use. A member that has no definition is
 * invalid, as the API server ignores it.
 *
 * @param {Record<string, unknown>} definitions of Kubernetes' OpenAPI document
 * @param {Record<string, string>} resources definition of each file
 */
export function toSchemas(definitions, resources) {
  /** @type {Map<string, unknown>} */
  const used = new Map()
  for (const name of Object.values(resources)) collect(name, definitions, used)
  const lines = [...used].sort().map(([name, schema]) => `${JSON.stringify(name)}:${JSON.stringify(schema)}`)
  /** @type {Record<string, string>} */
  const files = { [definitionsFile]: `{"definitions":{\n${lines.join(',\n')}\n}}\n` }
  for (const [file, name] of Object.entries(resources))
    files[file] = `${JSON.stringify({ $ref: `${definitionsFile}#/definitions/${name}` })}\n`
  return files
}

/**
 * Returns the schema of one version of a custom resource.
 *
 * @param {{ spec: { versions: { name: string, schema: { openAPIV3Schema: unknown } }[] } }} resource
 * @param {string} version
 */
export function toResourceSchema({ spec }, version) {
  return toStrict(spec.versions.find(({ name }) => name === version)?.schema.openAPIV3Schema)
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} definitions
 * @param {Map<string, unknown>} used
 */
function collect(name, definitions, used) {
  if (used.has(name)) return
  const text = JSON.stringify(definitions[name])
  used.set(name, looserTypes.get(name) ?? toStrict(definitions[name]))
  for (const [, other = ''] of text.matchAll(/"#\/definitions\/([^"]+)"/g)) collect(other, definitions, used)
}

/**
 * Returns a schema without its texts and Kubernetes' own keywords.
 *
 * @param {unknown} schema
 * @returns {unknown}
 */
function toStrict(schema) {
  if (Array.isArray(schema)) return schema.map(toStrict)
  if (typeof schema !== 'object' || schema === null) return schema
  const { 'x-kubernetes-int-or-string': isIntOrString, ...rest } = /** @type {JsonObject} */ (schema)
  if (isIntOrString) return { type: ['string', 'integer'] }
  const members = Object.entries(rest).flatMap(([key, value]) => {
    if (['description', 'format'].includes(key) || key.startsWith('x-kubernetes-')) return []
    // A flag of Go's regular expressions, which JavaScript does not have.
    if (key === 'pattern' && String(value).includes('(?i)')) return []
    if (key !== 'properties') return [[key, toStrict(value)]]
    const properties = Object.entries(/** @type {JsonObject} */ (value))
    return [[key, Object.fromEntries(properties.map(([name, property]) => [name, toStrict(property)]))]]
  })
  const isOpen = !rest.properties || rest['x-kubernetes-preserve-unknown-fields'] || rest.additionalProperties
  return { ...Object.fromEntries(members), ...(!isOpen && { additionalProperties: false }) }
}
