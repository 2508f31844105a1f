import { Type } from 'typebox'

/** An item in a list. */
export const Item = Type.Object(
  {
    item_id: Type.String({ maxLength: 128, description: 'Names the item among those of its owner.' }),
    owner: Type.String({ maxLength: 255, description: 'Name of the user who owns the item.' }),
    title: Type.Optional(Type.String({ maxLength: 255, description: 'Left out when the item has none.' })),
  },
  { $id: 'Item', examples: [{ item_id: 'Foo', owner: 'johndoe' }] },
)
