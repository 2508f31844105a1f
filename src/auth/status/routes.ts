import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ServiceError, UnknownPath } from '../../errors.js'
import { findGoodCopy } from '../../http/etag.js'
import { addVary } from '../../http/headers.js'
import { choosePreferred, prefersCoding } from '../../http/media-types.js'
import { isGoodCopy } from './list-etag.js'
import { listStatusLists, readStatusList, statusListType } from './operations.js'
import type { StatusLists } from './status-lists.js'
import { listsPath } from './uri.js'

/** Options of the endpoints. */
export interface StatusListOptions {
  /** Null where tokens have no status: there is nothing at these paths then. */
  lists: StatusLists | null
}

/** Time for which a list may be cached, which adds to the delay of a revocation (seconds). */
const maxAgeSeconds = 1

/** Registers the status lists (draft-ietf-oauth-status-list §8) and their aggregation (§9). */
export const statusListEndpoints: FastifyPluginAsyncTypebox<StatusListOptions> =
  async function statusListEndpoints(app, { lists }) {
    const cacheControl = `public, max-age=${maxAgeSeconds}`

    function requireLists(): StatusLists {
      if (!lists) throw new UnknownPath()
      return lists
    }

    app.get(listsPath, { schema: { ...listStatusLists } }, async function serveAggregation(_request, reply) {
      const uris = await requireLists().listUris()
      reply.header('cache-control', cacheControl)
      return { status_lists: uris }
    })

    app.get(
      `${listsPath}/:id`,
      { schema: { ...readStatusList }, attachValidation: true },
      async function serveStatusList(request, reply) {
        const { publish } = requireLists()
        // Historical resolution is optional (§8.4), and the draft recommends not to support it (§12.7).
        if ('time' in request.query) throw new ServiceError('unsupported_historical_status')
        if (!choosePreferred(request, [statusListType])) throw new ServiceError('not_acceptable')
        const list = await publish(request.params.id)
        const copy = findGoodCopy(request.headers, list.etag, (etag) => isGoodCopy(etag, list))
        reply.header('cache-control', cacheControl)
        addVary(reply, 'accept-encoding')
        if (copy !== undefined) return reply.header('etag', copy).code(304).send(null)
        reply.headers({ etag: list.etag, 'content-type': statusListType })
        if (!prefersCoding(request, 'gzip')) return reply.send(list.token)
        return reply.header('content-encoding', 'gzip').send(list.gzipped)
      },
    )
  }
