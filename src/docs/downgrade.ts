/** A value of a JSON document. */
type Json = null | boolean | number | string | Json[] | JsonObject
interface JsonObject {
  [name: string]: Json
}

/** Keywords of OpenAPI 3.1 without a counterpart in 3.0.3. They annotate a schema or narrow it. */
const droppedKeywords = [
  '$comment',
  '$id',
  '$schema',
  'contentEncoding',
  'contentMediaType',
  'jsonSchemaDialect',
]

/** Members whose values are data or are named by the author, so that their names are not keywords. */
const namedMembers = new Set(['properties', 'schemas', 'paths', 'headers', 'responses', 'content', 'scopes'])
const dataMembers = new Set(['example', 'value', 'default', 'enum', 'const'])

/** Converts an OpenAPI 3.1 document to 3.0.3, for generators that do not read 3.1. */
export function downgrade(document: object): object {
  const converted = convert(JSON.parse(JSON.stringify(document)) as Json) as JsonObject
  return { ...converted, openapi: '3.0.3' }
}

function convert(value: Json): Json {
  if (Array.isArray(value)) return value.map(convert)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
    .filter(([name]) => !droppedKeywords.includes(name))
    .map(([name, member]) => [name, convertMember(name, member)] as const)
  return convertSchema(Object.fromEntries(members))
}

function convertMember(name: string, member: Json): Json {
  if (dataMembers.has(name) || name.startsWith('x-')) return member
  if (name === 'examples' && Array.isArray(member)) return member
  if (namedMembers.has(name) && isObject(member)) return mapValues(member, convert)
  return convert(member)
}

/** Rewrites the keywords of a schema. Leaves other objects unchanged, as they have none of these keywords. */
function convertSchema(schema: JsonObject): JsonObject {
  return [wrapReference, convertConst, convertExamples, convertBounds, convertPattern, convertTypes].reduce(
    (converted, step) => step(converted),
    schema,
  )
}

/** In 3.0 a reference has no siblings. */
function wrapReference(schema: JsonObject): JsonObject {
  const { $ref, ...siblings } = schema
  if (typeof $ref !== 'string' || Object.keys(siblings).length === 0) return schema
  return { ...siblings, allOf: [{ $ref }] }
}

function convertConst(schema: JsonObject): JsonObject {
  const { const: only, ...rest } = schema
  return only === undefined ? schema : { ...rest, enum: [only] }
}

/** A list of examples is that of a schema. Those of a response have names. */
function convertExamples(schema: JsonObject): JsonObject {
  const { examples, ...rest } = schema
  if (!Array.isArray(examples)) return schema
  const [example] = examples
  return { ...rest, ...(example !== undefined && { example }) }
}

function convertBounds(schema: JsonObject): JsonObject {
  return convertBound(convertBound(schema, 'exclusiveMinimum', 'minimum'), 'exclusiveMaximum', 'maximum')
}

function convertBound(schema: JsonObject, exclusive: string, inclusive: string): JsonObject {
  const bound = schema[exclusive]
  return typeof bound === 'number' ? { ...schema, [inclusive]: bound, [exclusive]: true } : schema
}

/** A pattern with Unicode properties is left out: the patterns of 3.0.3 are those of ECMAScript 5.1, which has none (§4.7.24). */
function convertPattern(schema: JsonObject): JsonObject {
  const { pattern, ...rest } = schema
  return typeof pattern === 'string' && /\\[pP]\{/.test(pattern) ? rest : schema
}

/** `nullable` stands for the type null (3.0.3 §4.7.24). Several other types become alternatives. */
function convertTypes(schema: JsonObject): JsonObject {
  const { type, ...rest } = schema
  if (type === 'null') return { ...rest, nullable: true, enum: [null] }
  if (!Array.isArray(type)) return schema
  const types = type.filter((one) => one !== 'null')
  const nullable = types.length < type.length && { nullable: true }
  const [only] = types
  if (types.length === 1 && only !== undefined) return { ...rest, type: only, ...nullable }
  return { ...rest, oneOf: types.map((one) => ({ type: one, ...nullable })) }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mapValues(object: JsonObject, change: (value: Json) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]))
}
