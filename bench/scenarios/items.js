import { get, measureRequests } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */

const path = '/users/me/items/'
const firstPage = `${path}?limit=100`

/** Items where there are 1,000,000 of one owner and as many of others. @type {Scenario[]} */
export const items = [
  {
    name: 'item-create',
    title: 'POST /users/me/items/, among 2,000,000',
    async measure(world) {
      const { token } = await world.million()
      const headers = { ...get(path, token).headers, 'content-type': 'application/json' }
      const body = JSON.stringify({ title: 'A thing', metadata: { colour: 'red' } })
      return measureRequests(world, [{ method: 'POST', path, headers, body }], { expect: 201 })
    },
  },
  {
    name: 'item-read',
    title: 'GET /users/me/items/{item_id}, among 2,000,000',
    async measure(world) {
      const { token, itemIds } = await world.million()
      const requests = itemIds.map((id) => get(`${path}${id}`, token))
      return measureRequests(world, requests)
    },
  },
  {
    name: 'page-1',
    title: 'GET /users/me/items/, page 1 of 10,000',
    measure: async (world) => measureRequests(world, [get(firstPage, (await world.million()).token)]),
  },
  {
    name: 'page-10000',
    title: 'GET /users/me/items/, page 10,000',
    async measure(world) {
      const { token, cursor } = await world.million()
      return measureRequests(world, [get(`${firstPage}&cursor=${cursor}`, token)])
    },
  },
]
