import { isUtf8 } from 'node:buffer'
import { parse } from 'node:querystring'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TObject } from 'typebox'
import { InvalidInput, ServiceError } from '../errors.js'
import { type Part, parseMultipart } from '../http/multipart.js'
import { decodePercent } from '../http/percent.js'

/** Fields of a form. A repeated field has a list of values. A field that was sent once and is empty is left out. */
export type Form = Record<string, string | string[]>

const urlEncoded = 'application/x-www-form-urlencoded'
const multipart = 'multipart/form-data'

/**
 * Makes an encapsulated plugin parse forms only: URL-encoded ones (RFC 6749 appendix B) and, as FastAPI takes them too,
 * multipart ones. A body of any other content type counts as an empty form, as in FastAPI. Responses have the OAuth error
 * format and must not be cached (RFC 6749 §5.1).
 */
export async function readForms(scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(urlEncoded, { parseAs: 'buffer' }, parseUrlEncodedForm)
  scope.addContentTypeParser(multipart, { parseAs: 'buffer' }, parseMultipartForm)
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, async () => ({}))
  scope.addHook('onRequest', reduceContentType)
  scope.addHook('onRequest', async function markOAuthRequest(request, reply) {
    request.isOAuthRequest = true
    reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
  })
  scope.addHook('preValidation', async function treatNoBodyAsEmptyForm(request) {
    request.body ??= {}
  })
}

/** Reduces the content type to that of a form or nothing, so that Fastify does not refuse a malformed one. */
async function reduceContentType({ headers }: FastifyRequest): Promise<void> {
  const type = headers['content-type']?.replace(/;.*/s, '').trim().toLowerCase()
  if (type === urlEncoded) headers['content-type'] = urlEncoded
  else if (type !== multipart) delete headers['content-type']
}

async function parseUrlEncodedForm(request: FastifyRequest, body: Buffer): Promise<Form> {
  let isText = true
  function decode(text: string): string {
    const decoded = decodePercent(text)
    isText &&= decoded !== null
    return decoded ?? '\ufffd'
  }
  const fields = parse(body.toString('latin1'), '&', '=', { maxKeys: 0, decodeURIComponent: decode })
  return toForm(request, fields as Form, isText)
}

/** @throws ServiceError `invalid_parameter` if the form is malformed; that or an InvalidInput for an uploaded file */
async function parseMultipartForm(request: FastifyRequest, body: Buffer): Promise<Form> {
  if (body.length === 0) return {}
  const parts = await parseMultipart(String(request.headers['content-type']), body)
  if (!parts) throw new ServiceError('invalid_parameter')
  const fields = groupByName(parts)
  const file = parts.find(({ isFile }) => isFile)
  if (file) refuseForm(request, fields, notText(file.name))
  const isText = parts.every(({ value }) => isUtf8(value))
  return toForm(request, fields, isText)
}

function groupByName(parts: Part[]): Form {
  const fields = new Map<string, string | string[]>()
  for (const { name, value } of parts) {
    const known = fields.get(name)
    if (Array.isArray(known)) known.push(value.toString())
    else fields.set(name, known === undefined ? value.toString() : [known, value.toString()])
  }
  return Object.fromEntries(fields)
}

/** Returns FastAPI's error for a file where it expects a field. */
function notText(name: string): InvalidInput {
  return new InvalidInput('body', [name], 'string_type', 'Input should be a valid string')
}

/**
 * Returns the form without the parameters that have no value, which count as omitted (RFC 6749 §3.2).
 *
 * @param isText whether all fields are valid UTF-8
 * @throws ServiceError if they are not: `invalid_parameter` or, for the tutorial's login, `incorrect_credentials`, as such
 * text matches no user
 */
function toForm(request: FastifyRequest, fields: Form, isText: boolean): Form {
  if (!isText) refuseForm(request, fields, new ServiceError('incorrect_credentials'))
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}

/** Refuses the tutorial's login with the tutorial's error, and any other form with OAuth's (RFC 6749 §5.2). */
function refuseForm(request: FastifyRequest, fields: Form, tutorialError: Error): never {
  request.isOAuthRequest = !('username' in fields) || Boolean(fields.grant_type)
  throw request.isOAuthRequest ? new ServiceError('invalid_parameter') : tutorialError
}

/**
 * Refuses repeated parameters (RFC 6749 §3.2). Unknown parameters are ignored.
 *
 * @throws ServiceError `repeated_parameter`
 */
export function refuseRepeated(form: Form, schema: TObject): void {
  if (Object.keys(schema.properties).some((name) => Array.isArray(form[name])))
    throw new ServiceError('repeated_parameter')
}
