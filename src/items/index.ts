import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ref, success } from '../schema.js'
import { Item } from './schema.js'
import { listItems } from './store.js'

/** The routes about items. Register them in a scope that authenticates: items are those of `request.currentUser`. */
export const items: FastifyPluginAsyncTypebox = async function items(app) {
  app.addSchema(Item)

  app.get(
    '/users/me/items/',
    {
      config: { scope: 'items:read' },
      schema: {
        operationId: 'read_own_items_users_me_items__get',
        summary: 'Read Own Items',
        description: 'All items of the user that the access token was issued to, the oldest first.',
        tags: ['items'],
        response: { 200: Type.Array(ref(Item), success) },
      },
    },
    async function readOwnItems({ currentUser }) {
      const owned = await listItems(currentUser.id, app.database)
      return owned.map(({ itemId, title }) => ({
        item_id: itemId,
        owner: currentUser.username,
        ...(title !== null && { title }),
      }))
    },
  )
}
