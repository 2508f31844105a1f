import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { textFormats } from '../../src/http/schema.js'
import { isFrozen } from '../../src/http/tutorial-surface.js'
import { everyScope, logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { fc } from '../helpers/properties.js'
import {
  type Document,
  type GeneratedRequest,
  type Operation,
  operationsOf,
  requestsFor,
} from './operations.js'

/** Headers that the document must show where a response has them. */
const shownHeaders = [
  'Accept-Encoding',
  'ETag',
  'Idempotency-Replayed',
  'Link',
  'Location',
  'Retry-After',
  'WWW-Authenticate',
]

const runs = 40

const url = await cloneDatabase(t)
const app = await startApp(t, { DATA_DIRECTORY: t.testdir() }, url)
const document = (await app.inject('/openapi.json')).json<Document>()
await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin items:admin'])
await as(app, null).post('/users/', { username: 'johndoe2', password: 'correct horse' })

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats.default(ajv)
for (const format of Object.keys(textFormats)) ajv.addFormat(format, true)
ajv.addSchema(document, 'document')
const validators = new Map<string, ValidateFunction>()

for (const operation of operationsOf(document))
  await t.test(`${operation.name} responds as documented, whatever it is sent`, async (t) => {
    const token = await logIn(app, 'johndoe', 'secret', everyScope)
    const property = fc.asyncProperty(requestsFor(operation, document), async (request) => {
      const response = await send(app, token, operation, request)
      const problem = findProblem(operation, response)
      if (problem) throw new Error(`${response.statusCode} ${problem}: ${response.body}`)
    })
    await fc.assert(property, { numRuns: runs, endOnFailure: true })
    t.pass()
  })

function send(
  app: FastifyInstance,
  token: string,
  { method, path, body }: Operation,
  request: GeneratedRequest,
) {
  const target = path.replace(/\{(\w+)\}/g, (_match, name: string) => encode(request.path[name] ?? ''))
  const query = Object.entries(request.query).map(([name, value]) => `${name}=${encode(String(value))}`)
  return app.inject({
    method: method as 'GET',
    url: query.length > 0 ? `${target}?${query.join('&')}` : target,
    headers: {
      ...request.headers,
      authorization: `Bearer ${token}`,
      ...(body && { 'content-type': body.type }),
    },
    ...(body && { payload: write(body.type, request.body) }),
  })
}

/** Percent-encodes text. A lone surrogate has no UTF-8: it is sent as invalid bytes. */
function encode(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80'
}

function write(type: string, value: unknown): string {
  if (!type.includes('form')) return JSON.stringify(value)
  const members =
    typeof value === 'object' && value !== null ? Object.entries(value) : [['username', String(value)]]
  return members.map(([name, member]) => `${encode(String(name))}=${encode(String(member))}`).join('&')
}

function findProblem(
  { method, path, responses }: Operation,
  response: Awaited<ReturnType<typeof send>>,
): string | undefined {
  if (response.statusCode >= 500) return 'is a server error'
  // A generated path may lead elsewhere, or to no operation.
  if ([307, 405].includes(response.statusCode) || isUnknownPath(response)) return undefined
  const documented = responses[String(response.statusCode)]
  if (!documented) return 'is not in the document'
  const hidden = shownHeaders.find(
    (name) => name.toLowerCase() in response.headers && !documented.headers?.[name],
  )
  if (hidden) return `has the header ${hidden}, which is not in the document`
  const type = String(response.headers['content-type'] ?? '').replace(/;.*/, '')
  if (type !== '' && !documented.content?.[type]) return `is ${type}, which is not in the document`
  if (type !== 'application/json') return undefined
  const isError = response.statusCode >= 400
  if (isError && 'code' in response.json<object>() === isFrozen({ method, url: path }))
    return 'has the wrong members'
  const schema = documented.content?.['application/json']?.schema
  if (!schema) return undefined
  const { $ref, ...rest } = schema
  const validate = validatorOf(JSON.stringify($ref ? { $ref } : rest))
  return validate(response.json()) ? undefined : ajv.errorsText(validate.errors)
}

/** Returns the validator of a schema that refers to the document. Each is compiled once. */
function validatorOf(schema: string): ValidateFunction {
  const resolved = schema.replaceAll('"#/', '"document#/')
  const validate = validators.get(resolved) ?? ajv.compile(JSON.parse(resolved) as object)
  validators.set(resolved, validate)
  return validate
}

/** Returns whether a response is that of the tutorial for a path without an operation, or for one that is not UTF-8. */
function isUnknownPath({ body }: Awaited<ReturnType<typeof send>>): boolean {
  return ['{"detail":"Not Found"}', '{"detail":"Bad Request"}'].includes(body)
}
