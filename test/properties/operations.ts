import { fc } from '../helpers/properties.js'

/** The parts of JSON Schema that the document uses. */
interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
}

interface Content {
  headers?: Record<string, object>
  content?: Record<string, { schema: Schema }>
}

/** One operation of the OpenAPI document. */
export interface Operation {
  name: string
  method: string
  path: string
  parameters: { name: string; in: string; schema: Schema }[]
  body: { type: string; schema: Schema } | undefined
  responses: Record<string, Content>
}

/** The parts of the OpenAPI document that the tests read. */
export interface Document {
  paths: Record<
    string,
    Record<
      string,
      { parameters?: Operation['parameters']; requestBody?: Content; responses: Operation['responses'] }
    >
  >
  components: { schemas: Record<string, Schema> }
}

type Texts = Record<string, string | undefined>

/** A generated request, which may or may not follow the document. */
export interface GeneratedRequest {
  path: Texts
  query: Texts
  headers: Texts
  body: unknown
}

/** Returns all operations of the document. */
export function operationsOf({ paths }: Document): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => {
      const [[type, { schema }] = ['', { schema: {} }]] = Object.entries(requestBody?.content ?? {})
      const body = type === '' ? undefined : { type, schema }
      return { name: `${method} ${path}`, method: method.toUpperCase(), path, parameters, body, responses }
    }),
  )
}

/** Generates requests for an operation: mostly of the right shape, with valid, almost valid and arbitrary values. */
export function requestsFor(
  { parameters, body }: Operation,
  document: Document,
): fc.Arbitrary<GeneratedRequest> {
  const named = (place: string, values: fc.Arbitrary<string>) => {
    const ofPlace = parameters.filter((parameter) => parameter.in === place).map(({ name }) => [name, values])
    return fc.record(
      Object.fromEntries(ofPlace) as Record<string, typeof values>,
      place === 'path' ? {} : { requiredKeys: [] },
    )
  }
  return fc.record({
    path: named(
      'path',
      fc.oneof(
        fc.constantFrom('absent', 'johndoe2', 'a/b'),
        text.filter((value) => !/^\.{0,2}$/.test(value)),
      ),
    ),
    query: named(
      'query',
      fc.oneof(text, fc.constantFrom('1', '200', 'title', '-created_at', '2026-01-01T00:00:00Z')),
    ),
    headers: named('header', fc.string({ unit: fc.constantFrom(...'abcXYZ019-_. "'), minLength: 1 })),
    body: body ? valuesOf(body.schema, document, 4) : fc.constant(undefined),
  })
}

/** Texts, including awkward ones. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom(
    '',
    '\0',
    '\ud800',
    '__proto__',
    'janedoe',
    'jane@example.com',
    'correct horse',
    'null',
    '-1',
    '1e400',
  ),
)

function valuesOf(schema: Schema, document: Document, depth: number): fc.Arbitrary<unknown> {
  const valid = validValuesOf(schema, document, depth)
  return fc.oneof({ arbitrary: valid, weight: 8 }, { arbitrary: fc.jsonValue({ maxDepth: 2 }), weight: 1 })
}

function validValuesOf(schema: Schema, document: Document, depth: number): fc.Arbitrary<unknown> {
  if (schema.$ref) {
    const found = document.components.schemas[String(schema.$ref.split('/').at(-1))]
    return validValuesOf(found ?? {}, document, depth)
  }
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => validValuesOf(one, document, depth)))
  const types = [schema.type ?? 'object'].flat()
  return fc.oneof(...types.map((type) => valuesOfType(type, schema, document, depth)))
}

function valuesOfType(
  type: string,
  schema: Schema,
  document: Document,
  depth: number,
): fc.Arbitrary<unknown> {
  if (type === 'string') return text
  if (type === 'integer' || type === 'number') return fc.oneof(fc.integer(), fc.double({ noNaN: true }))
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (type === 'array') return fc.array(valuesOf(schema.items ?? {}, document, depth - 1), { maxLength: 3 })
  if (!schema.properties || depth === 0) return fc.dictionary(text, fc.jsonValue(), { maxKeys: 3 })
  const members = Object.entries(schema.properties).map(([name, member]) => [
    name,
    valuesOf(member, document, depth - 1),
  ])
  return fc.record(Object.fromEntries(members) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: schema.required ?? [],
  })
}
