import type { FastifyInstance, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import { InvalidInput, ServiceError } from '../errors.js'
import { decodePercent } from './percent.js'
import { splitTarget } from './request-target.js'

/** Refuses requests that would be misread: a query that is not UTF-8, or a body with a content coding. */
export const unreadableRequests = plugin(refuseUnreadable, {
  name: 'unreadable-requests',
  dependencies: ['fallbacks'],
})

async function refuseUnreadable(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', function refuse({ headers, url }: FastifyRequest, _reply, done) {
    if (!isQueryText(url)) return done(new InvalidInput('query', [], 'utf8_invalid', 'Not valid UTF-8'))
    const { 'content-encoding': coding = 'identity' } = headers
    if (coding.toLowerCase() === 'identity') return done()
    done(new ServiceError('unsupported_coding'))
  })
}

/** Returns whether the decoded query is UTF-8. Query parsers would insert replacement characters for other bytes. */
function isQueryText(url: string): boolean {
  const [, query] = splitTarget(url)
  return query === '' || decodePercent(query) !== null
}
