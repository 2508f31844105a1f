import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import { InvalidInput, ServiceError } from '../errors.js'
import { parseList } from './list-field.js'
import { hasContent } from './no-content.js'
import { decodePercent } from './percent.js'
import { splitTarget } from './request-target.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route answers a proxy about another request. It reads nothing but its own target and `Authorization`. */
    isForwardAuth?: boolean
  }
}

/** Refuses requests that would be misread: a query that is not UTF-8, or a body with a content coding. */
export const unreadableRequests = plugin(refuseUnreadable, {
  name: 'unreadable-requests',
  dependencies: ['fallbacks'],
})

async function refuseUnreadable(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', function refuse(request: FastifyRequest, _reply, done) {
    const { headers, routeOptions, url } = request
    if (routeOptions.config.isForwardAuth) return done()
    if (!isQueryText(url)) return done(new InvalidInput('query', [], 'utf8_invalid', 'Not valid UTF-8'))
    if (hasContent(request) && !isUncoded(headers)) return done(new ServiceError('unsupported_coding'))
    done()
  })
}

/** Returns whether a body has no content coding (RFC 9110 §8.4). Some clients send `identity` for none. */
function isUncoded({ 'content-encoding': codings = '' }: IncomingHttpHeaders): boolean {
  return parseList(codings).every((coding) => coding.toLowerCase() === 'identity')
}

/** Returns whether the decoded query is UTF-8. Query parsers would insert replacement characters for other bytes. */
function isQueryText(url: string): boolean {
  const [, query] = splitTarget(url)
  return query === '' || decodePercent(query) !== null
}
