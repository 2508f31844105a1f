import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import findMyWay from 'find-my-way'
import { ServiceError, UnknownPath } from '../errors.js'
import { routerOptions } from './fastify-options.js'
import { splitTarget } from './request-target.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Whether the route gives way to a fixed path of other routes, even if these have other methods: `PUT /users/me/` is
     * not `PUT /users/{username}/`.
     */
    yieldsToFixedPaths?: boolean
    /** Whether requests with other methods than those of the routes with this path get 404, as in the tutorial's service. */
    hidesPath?: boolean
  }
}

/** A path with one or more routes. It may have parameters. */
interface KnownPath {
  url: string
  methods: string[]
  isHidden: boolean
}

/**
 * Responds to every request without a route, before its body is read:
 *
 * - 307 if a route has the same path with or without the trailing slash,
 * - 405 with `Allow` if a route has the path, but not the method, or if the route that was found yields to that path,
 * - 404 otherwise, also for a path that is hidden from other methods, and for a path with an empty segment, even if a path
 *   parameter would match it.
 *
 * It depends on the headers because the route that CORS adds for all paths must not count as a route.
 */
export const fallbacks = plugin(registerFallbacks, { name: 'fallbacks', dependencies: ['response-headers'] })

async function registerFallbacks(app: FastifyInstance): Promise<void> {
  const knownPaths = new Map<string, KnownPath>()
  const paths = findMyWay(routerOptions)
  const findPath = (path: string) => paths.find('GET', path)?.store as KnownPath | undefined

  app.addHook('onRoute', function rememberPath({ url, method, config }) {
    const known = knownPaths.get(url) ?? { url, methods: [], isHidden: config?.hidesPath === true }
    if (known.methods.length === 0) paths.on('GET', url, () => {}, known)
    knownPaths.set(url, known)
    known.methods.push(...[method].flat())
  })

  app.addHook('onRequest', function respondWithoutRoute(request, reply, done) {
    const isFound = !request.is404
    const { url, config } = request.routeOptions
    if (isFound && !config.yieldsToFixedPaths && !request.url.includes('//')) return done()
    const [path, query] = splitTarget(request.url)
    const pathWithoutEnd = path.slice(0, endOfSegments(path))
    if (pathWithoutEnd.includes('//')) return done(new UnknownPath())
    const known = findPath(path)
    if (isFound && !(config.yieldsToFixedPaths && known?.url !== url)) return done()
    if (known?.isHidden) return done(new UnknownPath())
    if (known) return done(new ServiceError('method_not_allowed', { allow: known.methods.join(', ') }))
    const sibling = path.endsWith('/') ? pathWithoutEnd : `${path}/`
    if (!sibling || !findPath(sibling)) return done(new UnknownPath())
    reply.redirect(query ? `${sibling}?${query}` : sibling, 307)
  })
}

/** Returns the length of a path without its trailing slashes. */
function endOfSegments(path: string): number {
  let end = path.length
  while (path[end - 1] === '/') end--
  return end
}
