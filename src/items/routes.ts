import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Config } from '../config/index.js'
import { InvalidInput } from '../errors.js'
import { decodeCursor, encodeCursor, nextLink } from '../http/cursor.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { isUnchanged } from '../http/etag.js'
import { once } from '../http/idempotency.js'
import { readJson } from '../http/json/parser.js'
import { readLimit } from '../http/page.js'
import { splitTarget } from '../http/request-target.js'
import { ref, success } from '../http/schema.js'
import { createItem, deleteItem, etagOf, patchItem, putItem, requireItem, toItemDetail } from './item.js'
import {
  addresses,
  Item,
  ItemContent,
  ItemDetail,
  ItemPatch,
  ItemQuery,
  maxItemBytes,
  NewItem,
} from './item-schema.js'
import type { StoredItem } from './item-store.js'
import { createPageLoader, type ItemPage } from './reads.js'
import { transferRoutes } from './transfer.js'
import type { TransferSlots } from './transfer-slots.js'

/** Any printable ASCII. The draft's quotes around it are part of it. */
const idempotencyKey = Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7E]+$' })

/** Where items are served: below `me` for the caller's own, or below the name of their owner. */
export interface ItemsOptions {
  path: '/users/me/items/' | '/users/:username/items/'
  config: Config
  slots: TransferSlots
}

/** The routes about items. Register them in a scope whose guard sets `request.owner`: they serve that owner's items alone. */
export const itemRoutes: FastifyPluginAsyncTypebox<ItemsOptions> = async function items(
  app,
  { path, config, slots },
) {
  const { database } = app
  const address = addresses[path]
  const pageOf = createPageLoader(database)
  const isOwn = path === '/users/me/items/'
  const named = (operation: string) => (isOwn ? `${operation}_own_item` : `${operation}_item_of`)
  /** An owner named in the path may be unknown. */
  const ofAnother = isOwn ? {} : errorResponses('not_found')
  const one = `${path}:item_id([^/]+)` as const
  await app.register(transferRoutes, { path, config, slots })
  readJson(app, 'application/merge-patch+json')
  const conditions = ({ headers }: FastifyRequest) => ({ headers, isRequired: config.requireIfMatch })

  app.get(
    path,
    {
      config: { scope: 'items:read' },
      preValidation: [ignoreNoLimit, readLimit],
      schema: {
        operationId: isOwn ? 'read_own_items_users_me_items__get' : 'list_items_of',
        summary: isOwn ? 'Read Own Items' : "List a user's items",
        description:
          'Items of one owner, the oldest first unless `sort` says otherwise. Where there are more than `limit`, the ' +
          'header `Link` has the address of the next page.',
        tags: ['items'],
        params: address.all,
        querystring: ItemQuery,
        response: {
          200: Type.Array(ref(Item), success),
          ...ofAnother,
          ...validationResponse('limit', 'query'),
        },
      },
    },
    async function listOwnersItems({ owner, query, url }, reply) {
      const { items, next } = await pageOf(owner, readPage(query))
      if (next) reply.header('link', nextLink(url, encodeCursor(next)))
      return items.map(({ itemId, title }) => ({
        item_id: itemId,
        owner: owner.username,
        ...(title !== null && { title }),
      }))
    },
  )

  app.post(
    path,
    {
      config: { scope: 'items:write' },
      bodyLimit: maxItemBytes,
      schema: {
        operationId: named('create'),
        summary: 'Create an item',
        description:
          'Adds an item. With an `Idempotency-Key` it can be sent again for 24 hours without adding another one.',
        tags: ['items'],
        params: address.all,
        headers: Type.Object({ 'idempotency-key': Type.Optional(idempotencyKey) }),
        body: ref(NewItem),
        response: {
          201: ref(ItemDetail, success),
          ...errorResponses('malformed_body', 'body_too_large', 'unsupported_media_type', 'item_exists'),
          ...ofAnother,
          ...validationResponse('title'),
        },
      },
    },
    async function createOwnersItem(request, reply) {
      const { owner, body, callerSubject: subject, headers } = request
      const key = headers['idempotency-key']
      const created = await (key === undefined
        ? createItem(owner, body, database).then(toAnswer)
        : once({ subject, key, ownerId: owner.id, content: [owner.id, body] }, database, (transaction) =>
            createItem(owner, body, transaction).then(toAnswer),
          ))
      function toAnswer(item: StoredItem) {
        return { etag: etagOf(item), whole: toItemDetail(owner, item) }
      }
      const [collection] = splitTarget(request.url)
      const location = `${collection}${created.whole.item_id}`
      return reply.code(201).headers({ etag: created.etag, location }).send(created.whole)
    },
  )

  app.get(
    one,
    {
      config: { scope: 'items:read' },
      schema: {
        operationId: named('read'),
        summary: 'Read an item',
        description: 'One item with all its content. With `If-None-Match` it is sent only if it has changed.',
        tags: ['items'],
        params: address.one,
        response: {
          200: ref(ItemDetail, success),
          304: Type.Null({ description: 'Not Modified' }),
          ...errorResponses('not_found', 'precondition_failed'),
          ...validationResponse('item_id', 'path'),
        },
      },
    },
    async function readOwnersItem({ owner, params, headers }, reply) {
      const item = await requireItem(owner, params.item_id, database)
      reply.header('etag', etagOf(item))
      if (isUnchanged(headers, etagOf(item))) return reply.code(304).send(null)
      return toItemDetail(owner, item)
    },
  )

  app.put(
    one,
    {
      config: { scope: 'items:write' },
      bodyLimit: maxItemBytes,
      schema: {
        operationId: named('put'),
        summary: 'Put an item',
        description: 'Replaces the content of an item, or adds it. `If-None-Match: *` only adds.',
        tags: ['items'],
        params: address.one,
        body: ref(ItemContent),
        response: {
          200: ref(ItemDetail, success),
          201: ref(ItemDetail, success),
          ...errorResponses(
            'malformed_body',
            'body_too_large',
            'unsupported_media_type',
            'conflict',
            'precondition_failed',
            'precondition_required',
          ),
          ...ofAnother,
          ...validationResponse('title'),
        },
      },
    },
    async function putOwnersItem(request, reply) {
      const { owner, params, body } = request
      const item = await putItem(owner, params.item_id, body, conditions(request), database)
      return reply
        .code(item.version === 1 ? 201 : 200)
        .header('etag', etagOf(item))
        .send(toItemDetail(owner, item))
    },
  )

  app.patch(
    one,
    {
      config: { scope: 'items:write' },
      bodyLimit: maxItemBytes,
      schema: {
        operationId: named('patch'),
        summary: 'Patch an item',
        description: 'Changes parts of an item by a JSON merge patch (RFC 7396).',
        tags: ['items'],
        consumes: ['application/merge-patch+json', 'application/json'],
        params: address.one,
        body: ref(ItemPatch),
        response: {
          200: ref(ItemDetail, success),
          ...errorResponses(
            'malformed_body',
            'body_too_large',
            'unsupported_media_type',
            'not_found',
            'conflict',
            'precondition_failed',
            'precondition_required',
          ),
          ...validationResponse('title'),
        },
      },
    },
    async function patchOwnersItem(request, reply) {
      const { owner, params, body } = request
      const item = await patchItem(owner, params.item_id, body, conditions(request), database)
      return reply.header('etag', etagOf(item)).send(toItemDetail(owner, item))
    },
  )

  app.delete(
    one,
    {
      config: { scope: 'items:write' },
      schema: {
        operationId: named('delete'),
        summary: 'Delete an item',
        description: 'Removes an item for good.',
        tags: ['items'],
        params: address.one,
        response: {
          204: Type.Null({ description: 'Deleted' }),
          ...errorResponses('not_found', 'conflict', 'precondition_failed', 'precondition_required'),
          ...validationResponse('item_id', 'path'),
        },
      },
    },
    async function deleteOwnersItem(request, reply) {
      const { owner, params } = request
      await deleteItem(owner, params.item_id, conditions(request), database)
      return reply.code(204).send(null)
    },
  )
}

/** The tutorial ignores the query, and `limit=0` is what it was recorded with. */
async function ignoreNoLimit({ query }: FastifyRequest): Promise<void> {
  const parameters = query as Record<string, unknown>
  if (parameters.limit === '0') delete parameters.limit
}

/** @throws InvalidInput when the cursor or a date is none */
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
