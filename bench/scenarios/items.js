import { get, measureRequests } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */

const path = '/users/me/items/'
const firstPage = `${path}?limit=100`

/** Scenarios of items among 1,000,000 of one owner and 1,000,000 of others. @type {Scenario[]} */
export const items = [
  {
    name: 'item-create',
    title: 'POST /users/me/items/, among 2,000,000 items',
    async measure(environment) {
      const { token } = await environment.largeOwner()
      const headers = { ...get(path, token).headers, 'content-type': 'application/json' }
      const body = JSON.stringify({ title: 'A thing', metadata: { colour: 'red' } })
      return measureRequests(environment, [{ method: 'POST', path, headers, body }], { expect: 201 })
    },
  },
  {
    name: 'item-read',
    title: 'GET /users/me/items/{item_id}, among 2,000,000 items',
    async measure(environment) {
      const { token, itemIds } = await environment.largeOwner()
      const requests = itemIds.map((id) => get(`${path}${id}`, token))
      return measureRequests(environment, requests)
    },
  },
  {
    name: 'page-1',
    title: 'GET /users/me/items/, page 1 of 10,000',
    measure: async (environment) =>
      measureRequests(environment, [get(firstPage, (await environment.largeOwner()).token)]),
  },
  {
    name: 'page-10000',
    title: 'GET /users/me/items/, page 10,000',
    async measure(environment) {
      const { token, cursor } = await environment.largeOwner()
      return measureRequests(environment, [get(`${firstPage}&cursor=${cursor}`, token)])
    },
  },
]
