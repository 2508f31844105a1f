import { isUtf8 } from 'node:buffer'
import type { FastifyBodyParser, FastifyInstance } from 'fastify'
import { InvalidInput } from '../errors.js'

/** Reads bodies of a type as JSON, and refuses those that are no UTF-8 (RFC 8259 §8.1) instead of mending them. */
export function readJson(app: FastifyInstance, type: string): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  const parser: FastifyBodyParser<Buffer> = function parseUtf8Json(request, body, done) {
    if (isUtf8(body)) return parse(request, body.toString(), done)
    done(new InvalidInput('body', [], 'utf8_invalid', 'This is no UTF-8'))
  }
  app.addContentTypeParser(type, { parseAs: 'buffer' }, parser)
}
