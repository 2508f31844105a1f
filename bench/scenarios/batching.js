import { join } from 'node:path'
import { once } from '../lib/environment.js'
import { startService } from '../lib/service.js'
import { get, measureRequests } from './scenario.js'

const program = join(import.meta.dirname, '../processes/unbatched.js')
const path = '/users/me/'

/**
 * Returns the scenarios that show what sending responses in batches gives: the same process without it, on many connections
 * and on one.
 *
 * @param {import('../lib/environment.js').Environment} environment
 * @returns {import('./scenario.js').Scenario[]}
 */
export function batching({ database, service }) {
  const unbatched = once(() => startService(database.url, {}, { program }))
  return [
    {
      name: 'me-unbatched',
      title: `GET ${path}, one token, each response sent at once`,
      measure: async (environment) =>
        measureRequests(environment, [get(path, await environment.token())], { target: await unbatched() }),
    },
    ...[
      { name: 'me-single', what: 'one connection', target: async () => service },
      { name: 'me-single-unbatched', what: 'one connection, each response sent at once', target: unbatched },
    ].map(({ name, what, target }) => ({
      name,
      title: `GET ${path}, ${what}`,
      measure: async (/** @type {import('../lib/environment.js').Environment} */ environment) =>
        measureRequests(environment, [get(path, await environment.token())], {
          target: await target(),
          connections: 1,
        }),
    })),
  ]
}
