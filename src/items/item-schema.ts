import { Type } from 'typebox'
import { pageParameters } from '../http/page.js'
import {
  defaulted,
  multiLineText,
  nullable,
  nullableString,
  ref,
  singleLineText,
  text,
  ValidationError,
} from '../http/schema.js'

/** The largest body that says something of one item. */
export const maxItemBytes = 65_536

/** Characters that need no encoding in an address (RFC 3986 §2.3); not dots alone, which clients take out (§5.2.4). */
const itemIdSyntax = '^[.]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*$'

/** Names below an owner's items that are no item. */
const reservedItemIds = ['export', 'import']

const itemId = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: itemIdSyntax,
  not: { enum: reservedItemIds },
  description: 'Letters, digits and `. _ ~ -`, not dots alone. Generated when it is left out.',
})

const owner = Type.String({ maxLength: 255, description: 'Name of the user who owns the item.' })
const metadata = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  additionalProperties: true,
  description: 'A JSON object of at most 16,384 bytes, nested at most 16 deep.',
})
const writableText = {
  title: nullable(
    singleLineText({ maxLength: 255, description: 'A short name, without control characters.' }),
  ),
  description: nullable(
    multiLineText({
      maxLength: 4096,
      description: 'Any text, without control characters but tabs and line breaks.',
    }),
  ),
}

/** An item in a list. */
export const Item = Type.Object(
  {
    item_id: Type.String({ maxLength: 128, description: 'Names the item among those of its owner.' }),
    owner,
    title: Type.Optional(Type.String({ maxLength: 255, description: 'Left out when the item has none.' })),
  },
  { $id: 'Item', examples: [{ item_id: 'Foo', owner: 'johndoe' }] },
)

/** An item by itself. */
export const ItemDetail = Type.Object(
  {
    item_id: Type.String({ maxLength: 128 }),
    owner,
    title: nullableString({ maxLength: 255, description: 'A short name.' }),
    description: nullableString({ maxLength: 4096, description: 'Any text.' }),
    metadata,
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
    version: Type.Integer({ description: 'Rises with each change.' }),
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

const closed = { additionalProperties: false }

/** What a PUT says of an item: all of it. */
export const ItemContent = Type.Object(
  {
    title: Type.Optional(writableText.title),
    description: Type.Optional(writableText.description),
    metadata: Type.Optional(metadata),
  },
  { ...closed, $id: 'ItemContent', examples: [{ title: 'A thing', metadata: { colour: 'red' } }] },
)

/** What a POST says of an item. */
export const NewItem = Type.Object(
  { item_id: Type.Optional(itemId), ...ItemContent.properties },
  { ...closed, $id: 'NewItem', examples: [{ item_id: 'Bar', title: 'A thing' }] },
)

/** A JSON merge patch of an item (RFC 7396): null takes something away. */
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

const addressedOwner = {
  username: text({ maxLength: 255, description: 'Name of the user who owns the items.' }),
}
const addressedItem = {
  item_id: Type.String({
    minLength: 1,
    maxLength: 128,
    pattern: itemIdSyntax,
    not: { enum: reservedItemIds },
  }),
}

/** What an address below `me` says, and one below the name of a user: of all items, or of one. */
export const addresses = {
  '/users/me/items/': { all: Type.Object({}), one: Type.Object(addressedItem) },
  '/users/:username/items/': {
    all: Type.Object(addressedOwner),
    one: Type.Object({ ...addressedOwner, ...addressedItem }),
  },
}

/** The orders of a list. */
const itemOrders = ['created_at', '-created_at', 'item_id', 'title'] as const

const time = (description: string) => Type.String({ format: 'date-time', maxLength: 64, description })

/** How a list of items is asked for. */
export const ItemQuery = Type.Object(
  {
    ...pageParameters,
    sort: defaulted(Type.Enum([...itemOrders], { default: 'created_at' })),
    title_contains: Type.Optional(text({ minLength: 1, maxLength: 255, description: 'In any case.' })),
    created_after: Type.Optional(time('Leaves out items of this time and before.')),
    created_before: Type.Optional(time('Leaves out items of this time and after.')),
  },
  { additionalProperties: true },
)

/** The largest import. */
export const maxImportBytes = 16 * 1024 * 1024

/** Number of invalid lines at which reading an import ends. */
export const maxInvalidLines = 1_000

/** How items are imported. */
export const ImportQuery = Type.Object(
  {
    mode: defaulted(
      Type.Enum(['all', 'each'], {
        default: 'all',
        description: 'All items or none, or each item that can be added.',
      }),
    ),
  },
  { additionalProperties: true },
)

/** What came of an import. */
export const ImportReport = Type.Object(
  {
    created: Type.Integer({ description: 'Number of items that were added.' }),
    failed: Type.Integer({ description: 'Number of lines that failed.' }),
    errors: Type.Array(ref(ValidationError), {
      description: 'Reasons; `loc` has the number of the line. At most 100 are listed.',
    }),
    stopped_at: Type.Optional(
      Type.Integer({
        description:
          'The line at which reading ended because 1,000 were invalid. Those after it were not read.',
      }),
    ),
  },
  { $id: 'ImportReport', examples: [{ created: 2, failed: 0, errors: [] }] },
)

/** What the routes refer to. */
export const itemSchemas = [Item, ItemDetail, ItemContent, NewItem, ItemPatch, ImportReport]
