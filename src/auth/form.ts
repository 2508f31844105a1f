import { parse } from 'node:querystring'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TObject } from 'typebox'
import { ServiceError } from '../errors.js'
import { decodePercent } from '../http/percent.js'

/** Fields of a form. A repeated field has a list of values. A field that was sent once and is empty is left out. */
export type Form = Record<string, string | string[]>

const formType = 'application/x-www-form-urlencoded'

/**
 * Makes an encapsulated plugin parse forms only. A body of any other content type counts as an empty form, as in FastAPI. Responses have
 * the OAuth error format and must not be cached (RFC 6749 §5.1).
 */
export async function readForms(scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(formType, { parseAs: 'buffer' }, parseForm)
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

/** Reduces the content type to the form type or nothing, so that Fastify does not refuse a malformed one. */
async function reduceContentType({ headers }: FastifyRequest): Promise<void> {
  const type = headers['content-type']?.replace(/;.*/s, '').trim().toLowerCase()
  if (type === formType) headers['content-type'] = formType
  else delete headers['content-type']
}

/**
 * Parses a form. Parameters without a value count as omitted (RFC 6749 §3.2).
 *
 * @throws ServiceError when the form is not valid UTF-8: `invalid_parameter` or, for the tutorial's login,
 * `incorrect_credentials`, as such text matches no user
 */
async function parseForm(request: FastifyRequest, body: Buffer): Promise<Form> {
  let isText = true
  function decode(text: string): string {
    const decoded = decodePercent(text)
    isText &&= decoded !== null
    return decoded ?? '\ufffd'
  }
  const fields = parse(body.toString('latin1'), '&', '=', { maxKeys: 0, decodeURIComponent: decode })
  const form = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '')) as Form
  if (isText) return form
  request.isOAuthRequest = !('username' in fields) || 'grant_type' in form
  throw new ServiceError(request.isOAuthRequest ? 'invalid_parameter' : 'incorrect_credentials')
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
