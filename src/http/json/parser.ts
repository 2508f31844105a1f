import { isUtf8 } from 'node:buffer'
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import { InvalidInput } from '../../errors.js'
import { needsBody } from '../no-content.js'
import { findJsonProblem, maxJsonMembers } from './scan.js'

/** Parses JSON bodies by the same rules for every route, instead of Fastify's parser. */
export const jsonBodies = plugin(
  async function parseJsonBodies(app) {
    app.removeContentTypeParser('application/json')
    readJson(app, 'application/json')
  },
  { name: 'json-bodies' },
)

/** Media types of a JSON merge patch (RFC 7396): its own, and that of JSON, which many clients send. */
export const mergePatchTypes = ['application/merge-patch+json', 'application/json']

/** Parses the bodies of merge patches. */
export function readMergePatch(app: FastifyInstance): void {
  readJson(app, 'application/merge-patch+json')
}

/** Parses bodies of a media type as JSON. */
function readJson(app: FastifyInstance, type: string): void {
  app.addContentTypeParser(type, { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    if (body.length > 0) return parseJson(body)
    if (needsBody(request)) throw new errorCodes.FST_ERR_CTP_EMPTY_JSON_BODY()
  })
}

/**
 * Parses JSON text. It accepts only text of limited depth and number of members whose value comes back as it was sent: it
 * is UTF-8 (RFC 8259 §8.1), has no duplicate names in an object (§4), and no number that JavaScript rounds (§6).
 *
 * @param maxMembers maximum number of members and elements, in all objects and arrays together
 * @throws InvalidInput for text that is refused; FastifyError (400) if it is not JSON, or could reach a prototype
 */
export function parseJson(bytes: Buffer, maxMembers = maxJsonMembers): unknown {
  if (!isUtf8(bytes)) throw new InvalidInput('body', [], 'utf8_invalid', 'Not valid UTF-8')
  const text = bytes.toString().replace(/^\uFEFF/, '')
  const { value, problem } = scanAndParse(text, maxMembers)
  if (problem) throw new InvalidInput('body', [], problem.type, problem.message)
  return value
}

function scanAndParse(text: string, maxMembers: number) {
  try {
    const problem = findJsonProblem(text, maxMembers)
    return { problem, value: problem ? undefined : (JSON.parse(text) as unknown) }
  } catch {
    throw new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY()
  }
}
