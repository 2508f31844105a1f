import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import findMyWay from 'find-my-way'
import { ServiceError } from '../errors.js'
import { splitTarget } from './request-target.js'

/**
 * Responds to every request without a route, before its body is read:
 *
 * - 307 if a route has the same path with or without the trailing slash,
 * - 405 with `Allow` if a route has the path, but not the method,
 * - 404 otherwise, and for a path with an empty segment, even if a path parameter would match it.
 *
 * It depends on the headers because the route that CORS adds for all paths must not count as a route.
 */
export const fallbacks = plugin(registerFallbacks, { name: 'fallbacks', dependencies: ['response-headers'] })

async function registerFallbacks(app: FastifyInstance): Promise<void> {
  const methodsByPath = new Map<string, string[]>()
  const paths = findMyWay()

  app.addHook('onRoute', function rememberPath({ url, method }) {
    const methods = methodsByPath.get(url) ?? []
    if (methods.length === 0) paths.on('GET', url, () => {}, methods)
    methodsByPath.set(url, methods)
    methods.push(...[method].flat())
  })

  app.addHook('onRequest', function respondWithoutRoute(request, reply, done) {
    if (!request.is404 && !request.url.includes('//')) return done()
    const [path, query] = splitTarget(request.url)
    const pathWithoutEnd = path.slice(0, endOfSegments(path))
    if (pathWithoutEnd.includes('//')) return done(new ServiceError('not_found'))
    if (!request.is404) return done()
    const allowed = paths.find('GET', path)?.store as string[] | undefined
    if (allowed) return done(new ServiceError('method_not_allowed', { allow: allowed.join(', ') }))
    const sibling = path.endsWith('/') ? pathWithoutEnd : `${path}/`
    if (!sibling || !paths.find('GET', sibling)) return done(new ServiceError('not_found'))
    reply.redirect(query ? `${sibling}?${query}` : sibling, 307)
  })
}

/** Returns the length of a path without its trailing slashes. */
function endOfSegments(path: string): number {
  let end = path.length
  while (path[end - 1] === '/') end--
  return end
}
