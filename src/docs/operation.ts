import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import type { TObject } from 'typebox'
import { describeResponses } from './responses.js'

/** Marks an operation whose body may be omitted. Schemas cannot express that, so the mark is replaced in the document. */
const bodyIsOptional = 'x-body-is-optional'

/** Returns the schema of a route as the document shows it, with what holds for all routes. */
export const documentOperation: SwaggerTransform = function documentOperation({ schema, url, route }) {
  if (!schema || schema.hide) return { schema, url }
  const isOptional = route.config?.isBodyOptional === true || isStreamed(schema.body)
  const documented = {
    ...schema,
    ...spellHeaders(schema.headers as TObject | undefined),
    ...describeStream(schema),
    ...(isOptional && { [bodyIsOptional]: true }),
    security: schema.security ?? [],
    response: describeResponses(schema, url, String(route.method)),
  }
  return { url, schema: documented }
}

/** Spells the names of request headers as their standards do. Node.js and the validation have them in lower case. */
function spellHeaders(headers: TObject | undefined) {
  if (!headers) return {}
  const properties = Object.entries(headers.properties).map(([name, schema]) => [
    name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()),
    schema,
  ])
  return { headers: { ...headers, properties: Object.fromEntries(properties) } }
}

/** Describes a streamed body as text. The validation of the route does not see its content. */
function describeStream({ body }: FastifySchema) {
  if (!isStreamed(body)) return {}
  const text = { schema: { type: 'string' } }
  return {
    body: { content: Object.fromEntries(Object.keys(body.content).map((type) => [type, text])) },
  }
}

function isStreamed(body: unknown): body is { content: object } {
  return typeof body === 'object' && body !== null && 'content' in body
}

/** Says of every body whether it is required. */
export const requireBodies: SwaggerTransformObject = function requireBodies(document) {
  const { openapiObject } = document as { openapiObject: OpenApiObject }
  for (const operation of Object.values(openapiObject.paths).flatMap((path) => Object.values(path))) {
    if (operation[bodyIsOptional] && operation.requestBody) operation.requestBody.required = false
    delete operation[bodyIsOptional]
  }
  return openapiObject
}

/** The parts of the document that are changed. */
interface OpenApiObject {
  paths: Record<string, Record<string, DocumentedOperation>>
}

interface DocumentedOperation {
  requestBody?: { required?: boolean }
  [bodyIsOptional]?: boolean
}
