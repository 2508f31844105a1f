import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Transaction } from '../database/client.js'
import { InvalidInput } from '../errors.js'
import { decodeCursor, encodeCursor, nextLink } from '../http/cursor.js'
import { isUnchanged } from '../http/etag.js'
import { once } from '../http/idempotency.js'
import { readJson } from '../http/json/parser.js'
import { readLimit } from '../http/page.js'
import { splitTarget } from '../http/request-target.js'
import {
  createItem,
  deleteItem,
  etagOf,
  type Preconditions,
  patchItem,
  putItem,
  requireItem,
  toItemDetail,
} from './item.js'
import type { ItemPage, ListedItem } from './item-pages.js'
import { type Item, type ItemDetail, type ItemQuery, maxItemBytes } from './item-schema.js'
import type { Owner } from './item-store.js'
import * as operations from './operations.js'
import type { ItemsOptions } from './options.js'
import { createPageLoader } from './page-loader.js'
import { transferRoutes } from './transfer-routes.js'

/** The routes about items. Register them in a scope whose guard sets `request.owner`: they serve that owner's items. */
export const itemRoutes: FastifyPluginAsyncTypebox<ItemsOptions> = async function itemRoutes(app, options) {
  const { database } = app
  const { path, config } = options
  const itemPath = `${path}:item_id([^/]+)` as const
  const loadPage = createPageLoader(database)

  await app.register(transferRoutes, options)
  readJson(app, 'application/merge-patch+json')

  app.get(
    path,
    {
      config: { scope: 'items:read' },
      preValidation: [ignoreZeroLimit, readLimit],
      schema: operations.listItems(path),
    },
    async function listItems({ owner, query, url }, reply) {
      const { items, next } = await loadPage(owner, readPage(query))
      if (next) reply.header('link', nextLink(url, encodeCursor(next)))
      return items.map((item) => toItem(owner, item))
    },
  )

  app.post(
    path,
    { config: { scope: 'items:write' }, bodyLimit: maxItemBytes, schema: operations.createItem(path) },
    async function createItemOnce(request, reply) {
      const { owner, body, headers, callerSubject } = request
      const create = async (transaction: Transaction): Promise<CreatedItem> => {
        const item = await createItem(owner, body, transaction)
        return { etag: etagOf(item), whole: toItemDetail(owner, item) }
      }
      const key = headers['idempotency-key']
      const repeatable = { subject: callerSubject, key, ownerId: owner.id, content: [owner.id, body] }
      const { etag, whole } = await once(repeatable, database, create)
      const [collection] = splitTarget(request.url)
      const location = `${collection}${whole.item_id}`
      return reply.code(201).headers({ etag, location }).send(whole)
    },
  )

  app.get(
    itemPath,
    { config: { scope: 'items:read' }, schema: operations.readItem(path) },
    async function sendItem({ owner, params, headers }, reply) {
      const item = await requireItem(owner, params.item_id, database)
      reply.header('etag', etagOf(item))
      if (isUnchanged(headers, etagOf(item))) return reply.code(304).send(null)
      return toItemDetail(owner, item)
    },
  )

  app.put(
    itemPath,
    { config: { scope: 'items:write' }, bodyLimit: maxItemBytes, schema: operations.putItem(path) },
    async function replaceOrAddItem(request, reply) {
      const { owner, params, body } = request
      const item = await putItem(owner, params.item_id, body, preconditionsOf(request), database)
      return reply
        .code(item.version === 1 ? 201 : 200)
        .header('etag', etagOf(item))
        .send(toItemDetail(owner, item))
    },
  )

  app.patch(
    itemPath,
    { config: { scope: 'items:write' }, bodyLimit: maxItemBytes, schema: operations.patchItem(path) },
    async function mergeIntoItem(request, reply) {
      const { owner, params, body } = request
      const item = await patchItem(owner, params.item_id, body, preconditionsOf(request), database)
      return reply.header('etag', etagOf(item)).send(toItemDetail(owner, item))
    },
  )

  app.delete(
    itemPath,
    { config: { scope: 'items:write' }, schema: operations.deleteItem(path) },
    async function removeItem(request, reply) {
      const { owner, params } = request
      await deleteItem(owner, params.item_id, preconditionsOf(request), database)
      return reply.code(204).send(null)
    },
  )

  function preconditionsOf({ headers }: FastifyRequest): Preconditions {
    return { headers, isRequired: config.requireIfMatch }
  }
}

/** The response to a POST, in the form in which it is stored under its `Idempotency-Key`. */
interface CreatedItem {
  etag: string
  whole: Static<typeof ItemDetail>
}

/** Ignores `limit=0`: the tutorial ignores the whole query, and its responses were recorded with this one. */
async function ignoreZeroLimit({ query }: FastifyRequest): Promise<void> {
  const parameters = query as Record<string, unknown>
  if (parameters.limit === '0') delete parameters.limit
}

/** @throws InvalidInput for an invalid cursor or date */
function readPage(query: Static<typeof ItemQuery>): ItemPage {
  const { limit, sort, cursor, title_contains: titleContains } = query
  return {
    limit,
    sort,
    titleContains,
    after: cursor === undefined ? undefined : decodeCursor(cursor, sort, sort.endsWith('created_at')),
    createdAfter: readDate('created_after', query.created_after),
    createdBefore: readDate('created_before', query.created_before),
  }
}

function readDate(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw new InvalidInput('query', [name], 'date', 'Not a valid date')
  return date
}

function toItem({ username }: Owner, { itemId, title }: ListedItem): Static<typeof Item> {
  return { item_id: itemId, owner: username, ...(title !== null && { title }) }
}
