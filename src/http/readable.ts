import type { FastifyInstance, FastifyRequest } from 'fastify'
import { InvalidInput, ServiceError } from '../errors.js'
import { decodePercent } from './percent.js'

/** Refuses requests that would be read as something other than what was sent. */
export function refuseUnreadable(app: FastifyInstance): void {
  app.addHook('onRequest', function refuse({ headers, url }: FastifyRequest, _reply, done) {
    if (!isQueryText(url)) return done(new InvalidInput('query', [], 'utf8_invalid', 'Not valid UTF-8'))
    const { 'content-encoding': coding = 'identity' } = headers
    if (coding.toLowerCase() === 'identity') return done()
    done(new ServiceError('unsupported_coding'))
  })
}

/** Whether the query is text once it is decoded, instead of the replacement characters that parsers make of it. */
function isQueryText(url: string): boolean {
  const start = url.indexOf('?')
  return start === -1 || decodePercent(url.slice(start + 1)) !== null
}
