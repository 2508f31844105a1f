import { parse } from 'node:querystring'
import formbody from '@fastify/formbody'
import type { FastifyInstance } from 'fastify'

/** The fields of a form: a list where one was sent more than once, and none that was empty. */
export type Form = Record<string, string | string[]>

/** Makes the scope read forms and nothing else: a body of any other type is a form without fields, as for FastAPI. */
export async function readForms(scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  await scope.register(formbody, { parser: parseForm })
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, async () => ({}))
  scope.addHook('preValidation', async function treatNoBodyAsEmptyForm(request) {
    request.body ??= {}
  })
}

/** Parameters without a value count as left out (RFC 6749 §3.2). */
function parseForm(text: string): Form {
  const fields = Object.entries(parse(text, '&', '=', { maxKeys: 0 })).flatMap(([name, value]) => {
    const [first, ...more] = [value ?? []].flat().filter((one) => one !== '')
    return first === undefined ? [] : [[name, more.length === 0 ? first : [first, ...more]] as const]
  })
  return Object.fromEntries(fields)
}
