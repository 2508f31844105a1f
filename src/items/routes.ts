import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { nextLink } from '../http/cursor.js'
import { isUnchanged } from '../http/etag.js'
import { readMergePatch } from '../http/json/parser.js'
import { readLimit } from '../http/page.js'
import { splitTarget } from '../http/request-target.js'
import { createItemOnce } from './create-item-once.js'
import {
  deleteItem,
  etagOf,
  type Preconditions,
  patchItem,
  putItem,
  requireItem,
  toItemDetail,
} from './item.js'
import { maxItemBytes as bodyLimit } from './item-schema.js'
import { createItemLister } from './list-items.js'
import * as operations from './operations.js'
import type { ItemsOptions } from './options.js'
import { transferRoutes } from './transfer-routes.js'

/** The routes about items. Register them in a scope whose guard sets `request.owner`: they serve that owner's items. */
export const itemRoutes: FastifyPluginAsyncTypebox<ItemsOptions> = async function itemRoutes(app, options) {
  const { database } = app
  const { path } = options
  const onePath = `${path}:item_id([^/]+)` as const
  const reading = { scope: 'items:read', yieldsToFixedPaths: true }
  const writing = { scope: 'items:write', yieldsToFixedPaths: true }
  const listItems = createItemLister(database)

  await app.register(transferRoutes, options)
  readMergePatch(app)

  app.get(
    path,
    {
      config: reading,
      preValidation: [ignoreZeroLimit, readLimit],
      schema: operations.listItems(path),
    },
    async ({ owner, query, url }, reply) => {
      const { items, nextCursor } = await listItems(owner, query)
      if (nextCursor !== null) reply.header('link', nextLink(url, nextCursor))
      return reply.type('application/json; charset=utf-8').send(items)
    },
  )

  app.post(
    path,
    { config: writing, bodyLimit, schema: operations.createItem(path) },
    async (request, reply) => {
      const { body, headers, url } = request
      const { result, isReplayed } = await createItemOnce(request, body, headers['idempotency-key'], database)
      const { etag, whole } = result
      if (isReplayed) reply.header('idempotency-replayed', 'true')
      const [collection] = splitTarget(url)
      return reply
        .code(201)
        .headers({ etag, location: `${collection}${whole.item_id}` })
        .send(whole)
    },
  )

  app.get(
    onePath,
    { config: reading, schema: operations.readItem(path) },
    async ({ owner, params, headers }, reply) => {
      const item = await requireItem(owner, params.item_id, database)
      reply.header('etag', etagOf(item))
      if (isUnchanged(headers, etagOf(item))) return reply.code(304).send(null)
      return toItemDetail(owner, item)
    },
  )

  app.put(
    onePath,
    { config: writing, bodyLimit, schema: operations.putItem(path) },
    async (request, reply) => {
      const { owner, params, body } = request
      const item = await putItem(owner, params.item_id, body, preconditionsOf(request, options), database)
      reply.code(item.version === 1 ? 201 : 200).header('etag', etagOf(item))
      return toItemDetail(owner, item)
    },
  )

  app.patch(
    onePath,
    { config: writing, bodyLimit, schema: operations.patchItem(path) },
    async (request, reply) => {
      const { owner, params, body } = request
      const item = await patchItem(owner, params.item_id, body, preconditionsOf(request, options), database)
      reply.header('etag', etagOf(item))
      return toItemDetail(owner, item)
    },
  )

  app.delete(onePath, { config: writing, schema: operations.deleteItem(path) }, async (request, reply) => {
    const { owner, params } = request
    await deleteItem(owner, params.item_id, preconditionsOf(request, options), database)
    return reply.code(204).send(null)
  })
}

function preconditionsOf({ headers }: FastifyRequest, { config }: ItemsOptions): Preconditions {
  return { headers, isRequired: config.requireIfMatch }
}

/** Ignores `limit=0`: the tutorial ignores the whole query, and its responses were recorded with this one. */
async function ignoreZeroLimit({ query }: FastifyRequest): Promise<void> {
  const parameters = query as Record<string, unknown>
  if (parameters.limit === '0') delete parameters.limit
}
