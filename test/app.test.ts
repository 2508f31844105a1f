import fastify, { type FastifyPluginAsync } from 'fastify'
import t from 'tap'
import { auth } from '../src/auth/index.js'
import { macKey } from '../src/auth/keys/mac.js'
import { changeFeed } from '../src/database/changes/index.js'
import { departures } from '../src/database/departures.js'
import { retention } from '../src/database/retention.js'
import { awaitInvalidation } from '../src/http/await-invalidation.js'
import { batchedResponses } from '../src/http/batch-responses.js'
import { connectionDraining } from '../src/http/connection-draining.js'
import { errorHandling } from '../src/http/error-handler.js'
import { requestLog } from '../src/http/log/request-log.js'
import { fallbacks } from '../src/http/not-found.js'
import { unreadableRequests } from '../src/http/unreadable-requests.js'
import { departedOwners } from '../src/items/departed-owners.js'
import { background } from '../src/lifecycle/background.js'
import { missingPage } from '../src/pages/missing-page.js'
import { passwords } from '../src/passwords/index.js'
import { nameClaims } from '../src/users/names/claim-names.js'

/** Plugins that depend on the order of registration, and the first plugin that each one needs. */
const dependencies: [plugin: FastifyPluginAsync<never>, dependency: string][] = [
  [changeFeed, 'database'],
  [retention, 'database'],
  [errorHandling, 'database'],
  [departedOwners, 'database'],
  [departures, 'change-feed'],
  [requestLog, 'client-address'],
  [fallbacks, 'response-headers'],
  [unreadableRequests, 'fallbacks'],
  [missingPage, 'fallbacks'],
  [awaitInvalidation, 'change-feed'],
  [batchedResponses, 'await-invalidation'],
  [connectionDraining, 'batched-responses'],
  [macKey, 'change-feed'],
  [passwords, 'mac-key'],
  [auth, 'passwords'],
  [nameClaims, 'mac-key'],
  [background, 'email'],
]

for (const [plugin, dependency] of dependencies)
  t.test(`${plugin.name} is refused before ${dependency}`, async (t) => {
    const app = fastify()
    t.teardown(() => app.close())
    await t.rejects(async () => app.register(plugin as FastifyPluginAsync), {
      code: 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED',
      message: new RegExp(`'${dependency}'`),
    })
  })
