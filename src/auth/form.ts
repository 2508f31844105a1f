import { parse } from 'node:querystring'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TObject } from 'typebox'
import { ServiceError } from '../errors.js'
import { decodePercent } from '../http/percent.js'

/** The fields of a form: a list where one was sent more than once, and none that was sent once and is empty. */
export type Form = Record<string, string | string[]>

const formType = 'application/x-www-form-urlencoded'

/**
 * Makes the scope read forms and nothing else: a body of any other type is a form without fields, as for FastAPI.
 * Its answers are OAuth's, and no cache may keep them.
 */
export async function readForms(scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(formType, { parseAs: 'buffer' }, parseForm)
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, async () => ({}))
  scope.addHook('onRequest', reduceContentType)
  scope.addHook('onRequest', async function answerAsOAuth(request, reply) {
    request.isOAuthRequest = true
    reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
  })
  scope.addHook('preValidation', async function treatNoBodyAsEmptyForm(request) {
    request.body ??= {}
  })
}

/** Leaves of the content type whether it is a form's, so that a malformed one counts as another type. */
async function reduceContentType({ headers }: FastifyRequest): Promise<void> {
  const type = headers['content-type']?.replace(/;.*/s, '').trim().toLowerCase()
  if (type === formType) headers['content-type'] = formType
  else delete headers['content-type']
}

/**
 * Parameters without a value count as left out (RFC 6749 §3.2).
 *
 * @throws ServiceError when it is not UTF-8: `invalid_parameter` or, for the tutorial's login, what the tutorial answers to
 * wrong credentials: no name and no password is like that
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

/** RFC 6749 §3.2: parameters of the request must not be included more than once. Unknown ones are ignored. */
export function refuseRepeated(form: Form, schema: TObject): void {
  if (Object.keys(schema.properties).some((name) => Array.isArray(form[name])))
    throw new ServiceError('repeated_parameter')
}
