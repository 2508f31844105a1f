import type { Readable } from 'node:stream'
import type { FastifySchema } from 'fastify'
import { type Static, Type } from 'typebox'
import { changeConditions, readConditions } from '../http/condition-schema.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { documentHeaders } from '../http/header-schema.js'
import { mergePatchTypes } from '../http/json/parser.js'
import { nameMethod, ref, success } from '../http/schema.js'
import {
  ImportQuery,
  ImportReport,
  Item,
  ItemContent,
  ItemDetail,
  ItemPatch,
  ItemQuery,
  NewItem,
  pathParameters,
} from './item-schema.js'
import type { ItemsPath } from './options.js'

// Each operation is a function of the path at which items are served, as its id and path parameters depend on it.

const tags = ['items']
const ndjson = 'application/x-ndjson'
const etag = documentHeaders('ETag')

/** An `Idempotency-Key`: printable ASCII. The quotes of the draft's syntax are part of the key. */
const idempotencyKey = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[\\x21-\\x7E]+$',
  description: 'Identifies the request when it is repeated: random printable ASCII characters.',
})

export function listItems(path: ItemsPath) {
  return {
    operationId: isOwn(path) ? 'read_own_items_users_me_items__get' : 'list_items_of',
    ...(isOwn(path) && nameMethod('list_own_items')),
    summary: isOwn(path) ? 'Read Own Items' : "List a user's items",
    description:
      'Items of one owner, the oldest first unless `sort` says otherwise. If there are more than `limit`, the header ' +
      '`Link` has the URL of the next page. `fields=all` returns items with all their content.',
    tags,
    params: pathParameters[path].collection,
    querystring: ItemQuery,
    response: {
      200: Type.Unsafe<Static<typeof Item>[] | string>(
        Type.Array(ref(Item), { ...success, headers: documentHeaders('Link') }),
      ),
      ...unknownOwner(path),
      ...validationResponse('limit', 'query'),
    },
  } satisfies FastifySchema
}

export function createItem(path: ItemsPath) {
  return {
    operationId: operationId('create', path),
    summary: summarize('Create an item', path),
    description:
      'Adds an item. With an `Idempotency-Key`, the request can be repeated for 24 hours without adding another item. ' +
      'The response to a repetition has the header `Idempotency-Replayed: true`.',
    tags,
    params: pathParameters[path].collection,
    headers: Type.Object({ 'idempotency-key': Type.Optional(idempotencyKey) }),
    body: ref(NewItem),
    response: {
      201: ref(ItemDetail, {
        ...success,
        headers: documentHeaders('ETag', 'Location', 'Idempotency-Replayed'),
      }),
      ...errorResponses('malformed_request', 'body_too_large', 'unsupported_media_type', 'item_exists'),
      ...unknownOwner(path),
      ...validationResponse('title'),
    },
  } satisfies FastifySchema
}

export function readItem(path: ItemsPath) {
  return {
    operationId: operationId('read', path),
    summary: summarize('Read an item', path),
    description:
      'One item with all its content. With `If-None-Match`, the content is sent only if it has changed.',
    tags,
    params: pathParameters[path].item,
    headers: readConditions,
    response: {
      200: ref(ItemDetail, { ...success, headers: etag }),
      304: Type.Null({ description: 'Not Modified', headers: etag }),
      ...errorResponses('not_found', 'precondition_failed'),
      ...validationResponse('item_id', 'path'),
    },
  } satisfies FastifySchema
}

export function putItem(path: ItemsPath) {
  return {
    operationId: operationId('put', path),
    summary: summarize('Put an item', path),
    description: 'Replaces the content of an item, or adds the item. With `If-None-Match: *` it only adds.',
    tags,
    params: pathParameters[path].item,
    headers: changeConditions,
    body: ref(ItemContent),
    response: {
      200: ref(ItemDetail, { ...success, headers: etag }),
      201: ref(ItemDetail, { ...success, headers: etag }),
      ...errorResponses(
        'malformed_request',
        'body_too_large',
        'unsupported_media_type',
        'conflict',
        'precondition_failed',
        'precondition_required',
      ),
      ...unknownOwner(path),
      ...validationResponse('title'),
    },
  } satisfies FastifySchema
}

export function patchItem(path: ItemsPath) {
  return {
    operationId: operationId('patch', path),
    summary: summarize('Patch an item', path),
    description: 'Changes parts of an item by a JSON merge patch (RFC 7396).',
    tags,
    consumes: mergePatchTypes,
    params: pathParameters[path].item,
    headers: changeConditions,
    body: ref(ItemPatch),
    response: {
      200: ref(ItemDetail, { ...success, headers: etag }),
      ...errorResponses(
        'malformed_request',
        'body_too_large',
        'unsupported_media_type',
        'not_found',
        'conflict',
        'precondition_failed',
        'precondition_required',
      ),
      ...validationResponse('title'),
    },
  } satisfies FastifySchema
}

export function deleteItem(path: ItemsPath) {
  return {
    operationId: operationId('delete', path),
    summary: summarize('Delete an item', path),
    description: 'Deletes an item permanently.',
    tags,
    params: pathParameters[path].item,
    headers: changeConditions,
    response: {
      204: Type.Null({ description: 'Deleted' }),
      ...errorResponses('not_found', 'conflict', 'precondition_failed', 'precondition_required'),
      ...validationResponse('item_id', 'path'),
    },
  } satisfies FastifySchema
}

export function exportItems(path: ItemsPath) {
  return {
    operationId: transferId('export', path),
    summary: summarize('Export all items', path),
    description:
      'All items of one owner, the oldest first, with all their content: one item per line (NDJSON).',
    tags,
    produces: [ndjson],
    params: pathParameters[path].collection,
    response: {
      200: {
        description: 'One `ItemDetail` per line',
        content: { [ndjson]: { schema: Type.Unsafe<Readable>({ type: 'string' }) } },
      },
      ...errorResponses('too_many_exports'),
      ...unknownOwner(path),
    },
  } satisfies FastifySchema
}

export function importItems(path: ItemsPath, maxLines: number) {
  return {
    operationId: transferId('import', path),
    summary: summarize('Import items', path),
    description:
      `Adds items, one \`NewItem\` per line (NDJSON, at most 16 MiB and ${maxLines} lines). A line fails if it is ` +
      'invalid or its id exists. With `mode=all` one failed line rejects the whole import; with `mode=each` the other ' +
      'items are added, and the report lists the failures. Reading stops at the 1,000th invalid line; a rejected import ' +
      'then ends with an issue of the type `stopped_at`.',
    tags,
    consumes: [ndjson],
    params: pathParameters[path].collection,
    querystring: ImportQuery,
    body: { content: { [ndjson]: { schema: Type.Any() } } },
    response: {
      200: ref(ImportReport, success),
      ...errorResponses('body_too_large', 'unsupported_media_type', 'too_many_imports'),
      ...unknownOwner(path),
      ...validationResponse('item_id'),
    },
  } satisfies FastifySchema
}

function isOwn(path: ItemsPath): boolean {
  return path === '/users/me/items/'
}

function summarize(action: string, path: ItemsPath): string {
  return isOwn(path) ? action : `${action} of a user`
}

function operationId(verb: string, path: ItemsPath): string {
  return isOwn(path) ? `${verb}_own_item` : `${verb}_item_of`
}

function transferId(verb: string, path: ItemsPath): string {
  return isOwn(path) ? `${verb}_own_items` : `${verb}_items_of`
}

/** The response where the user named in the path does not exist. */
function unknownOwner(path: ItemsPath) {
  return isOwn(path) ? {} : errorResponses('not_found')
}
