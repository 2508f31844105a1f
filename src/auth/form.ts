import { parse } from 'node:querystring'
import formbody from '@fastify/formbody'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TObject } from 'typebox'
import { ServiceError } from '../errors.js'

/** The fields of a form: a list where one was sent more than once, and none that was empty. */
export type Form = Record<string, string | string[]>

const formType = 'application/x-www-form-urlencoded'

/**
 * Makes the scope read forms and nothing else: a body of any other type is a form without fields, as for FastAPI.
 * Its answers are OAuth's, and no cache may keep them.
 */
export async function readForms(scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  await scope.register(formbody, { parser: parseForm })
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, async () => ({}))
  scope.addHook('onRequest', reduceContentType)
  scope.addHook('onRequest', async function answerAsOAuth(request, reply) {
    request.speaksOAuth = true
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

/** Parameters without a value count as left out (RFC 6749 §3.2). */
function parseForm(text: string): Form {
  const form: [string, string | string[]][] = []
  for (const [name, value] of Object.entries(parse(text, '&', '=', { maxKeys: 0 }))) {
    const given = [value].flat().filter((one) => one !== undefined && one !== '') as string[]
    if (given.length > 0) form.push([name, given.length === 1 ? given.join() : given])
  }
  return Object.fromEntries(form)
}

/** RFC 6749 §3.2: parameters of the request must not be included more than once. Unknown ones are ignored. */
export function refuseRepeated(form: Form, schema: TObject): void {
  if (Object.keys(schema.properties).some((name) => Array.isArray(form[name])))
    throw new ServiceError('repeated_parameter')
}
