import { Type } from 'typebox'
import { pageParameters } from '../http/page.js'
import {
  closed,
  defaulted,
  multiLineText,
  nullable,
  nullableString,
  ref,
  singleLineText,
  text,
  textEnum,
} from '../http/schema.js'
import { ValidationError } from '../http/validation-issues.js'

/** Maximum size of a body about one item (bytes). */
export const maxItemBytes = 65_536

/** Unreserved characters of a URI (RFC 3986 §2.3). Dots alone are excluded: clients remove them from a path (§5.2.4). */
const itemIdSyntax = '^[.]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*$'

/** Path segments that are routes themselves, and therefore cannot be item ids. */
const reservedItemId = textEnum(['export', 'import'])

const itemId = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: itemIdSyntax,
  not: reservedItemId,
  description: 'Letters, digits and `. _ ~ -`, but not dots alone. Generated if omitted.',
})

const owner = Type.String({ maxLength: 255, description: 'Username of the owner.' })
const metadata = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  additionalProperties: true,
  description: 'A JSON object of at most 16,384 bytes, nested at most 16 levels deep.',
})
const writableText = {
  title: nullable(
    singleLineText({ maxLength: 255, description: 'A short name, without control characters.' }),
  ),
  description: nullable(
    multiLineText({
      maxLength: 4096,
      description: 'Any text, without control characters other than tabs and line breaks.',
    }),
  ),
}

const detailOnly = 'Only with `fields=all`.'

/** An item in a list, as the tutorial has it or, with `fields=all`, as `ItemDetail`. */
export const Item = Type.Object(
  {
    item_id: Type.String({ maxLength: 128, description: 'Id of the item, unique among those of its owner.' }),
    owner,
    title: Type.Optional(
      nullableString({
        maxLength: 255,
        description: 'Omitted if the item has none, but null with `fields=all`.',
      }),
    ),
    description: Type.Optional(nullableString({ maxLength: 4096, description: detailOnly })),
    metadata: Type.Optional({ ...metadata, description: detailOnly }),
    created_at: Type.Optional(Type.String({ format: 'date-time', description: detailOnly })),
    updated_at: Type.Optional(Type.String({ format: 'date-time', description: detailOnly })),
    version: Type.Optional(Type.Integer({ description: detailOnly })),
  },
  { $id: 'Item', examples: [{ item_id: 'Foo', owner: 'johndoe' }] },
)

/** An item with all its content. */
export const ItemDetail = Type.Object(
  {
    item_id: Type.String({ maxLength: 128 }),
    owner,
    title: nullableString({ maxLength: 255, description: 'A short name.' }),
    description: nullableString({ maxLength: 4096, description: 'Any text.' }),
    metadata,
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
    version: Type.Integer({ description: 'Incremented on every change.' }),
  },
  {
    $id: 'ItemDetail',
    examples: [
      {
        item_id: 'Foo',
        owner: 'johndoe',
        title: null,
        description: null,
        metadata: {},
        created_at: '2026-01-01T00:00:00.000Z',
        updated_at: '2026-01-01T00:00:00.000Z',
        version: 1,
      },
    ],
  },
)

/** The body of a PUT: the whole content of an item. */
export const ItemContent = Type.Object(
  {
    title: Type.Optional(writableText.title),
    description: Type.Optional(writableText.description),
    metadata: Type.Optional(metadata),
  },
  { ...closed, $id: 'ItemContent', examples: [{ title: 'A thing', metadata: { colour: 'red' } }] },
)

/** The body of a POST, and of each line of an import. */
export const NewItem = Type.Object(
  { item_id: Type.Optional(itemId), ...ItemContent.properties },
  { ...closed, $id: 'NewItem', examples: [{ item_id: 'Bar', title: 'A thing' }] },
)

/** A JSON merge patch of an item (RFC 7396): null removes a member. */
export const ItemPatch = Type.Object(
  {
    title: Type.Optional(writableText.title),
    description: Type.Optional(writableText.description),
    metadata: Type.Optional(
      Type.Unsafe<Record<string, unknown> | null>({ type: ['object', 'null'], additionalProperties: true }),
    ),
  },
  { ...closed, $id: 'ItemPatch', examples: [{ title: null, metadata: { colour: 'blue' } }] },
)

const ownerParameter = {
  username: text({ maxLength: 255, description: 'Username of the owner.' }),
}
const itemParameter = {
  item_id: Type.String({
    minLength: 1,
    maxLength: 128,
    pattern: itemIdSyntax,
    not: reservedItemId,
    description: 'Id of the item.',
  }),
}

/** Path parameters of the routes about all items of an owner, and of those about one of them. */
export const pathParameters = {
  '/users/me/items/': {
    collection: Type.Object({}),
    item: Type.Object(itemParameter),
  },
  '/users/:username/items/': {
    collection: Type.Object(ownerParameter),
    item: Type.Object({ ...ownerParameter, ...itemParameter }),
  },
}

/** Sort orders of a list. */
const itemOrders = ['created_at', '-created_at', 'item_id', 'title'] as const

function time(description: string) {
  return Type.String({ format: 'date-time', maxLength: 64, description })
}

/** Maximum number of detailed items on a page: about 1.5 MB at their maximum size. */
export const maxDetailedItems = 50

/** The query of a list of items. */
export const ItemQuery = Type.Object(
  {
    ...pageParameters,
    sort: defaulted(
      textEnum(itemOrders, {
        default: 'created_at',
        description: 'Oldest first, newest first (`-created_at`), by id or by title.',
      }),
    ),
    fields: Type.Optional(
      textEnum(['all'] as const, {
        description: `\`all\` returns items with all their content, at most ${maxDetailedItems} on a page.`,
      }),
    ),
    title_contains: Type.Optional(
      text({ minLength: 1, maxLength: 255, description: 'Text that the title contains, ignoring case.' }),
    ),
    created_after: Type.Optional(time('Only items created after this time.')),
    created_before: Type.Optional(time('Only items created before this time.')),
  },
  { additionalProperties: true },
)

/** Maximum size of an import (bytes). */
export const maxImportBytes = 16 * 1024 * 1024

/** Number of invalid lines at which an import stops reading. */
export const maxInvalidLines = 1_000

/** The query of an import. */
export const ImportQuery = Type.Object(
  {
    mode: defaulted(
      textEnum(['all', 'each'], {
        default: 'all',
        description: '`all` adds all items or none, `each` adds every item that can be added.',
      }),
    ),
  },
  { additionalProperties: true },
)

/** The outcome of an import. */
export const ImportReport = Type.Object(
  {
    created: Type.Integer({ description: 'Number of items added.' }),
    failed: Type.Integer({ description: 'Number of lines that failed.' }),
    errors: Type.Array(ref(ValidationError), {
      description: 'Reasons, with the line number in `loc`. At most 100 are listed.',
    }),
    stopped_at: Type.Optional(
      Type.Integer({
        description:
          'The line at which reading stopped because 1,000 lines were invalid. Later lines were not read.',
      }),
    ),
  },
  { $id: 'ImportReport', examples: [{ created: 2, failed: 0, errors: [] }] },
)

/** The schemas that operations refer to by `$id`. */
export const itemSchemas = [Item, ItemDetail, ItemContent, NewItem, ItemPatch, ImportReport]
