import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { type AuditAction, administratorOperation } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { resourceSubject } from '../audit/subject.js'
import type { Config } from '../config/index.js'
import type { Transaction } from '../database/client.js'
import { within } from '../database/query.js'
import { ServiceError } from '../errors.js'
import { decodeNameCursor, encodeNameCursor, nextLink } from '../http/cursor.js'
import { isUnchanged, requirePreconditions } from '../http/etag.js'
import { readMergePatch } from '../http/json/parser.js'
import { cutPage, readLimit } from '../http/page.js'
import {
  type AudienceSettings,
  changeResource,
  createResource,
  deleteResource,
  freeScopeNames,
} from './manage-resources.js'
import { findResource, listResources, type ManagedResource } from './managed-resource-store.js'
import * as operations from './operations.js'
import { etagOf, toChanges, toResource, toSettings } from './resource-document.js'
import { maxResourceBytes as bodyLimit, type ResourcePatch } from './resource-schema.js'

type ResourceRouteSettings = AudienceSettings & Pick<Config, 'requireIfMatch'>

/** Routes about resources, for administrators. Register them in a scope that authenticates users. */
export const resourceRoutes: FastifyPluginAsyncTypebox<{ config: ResourceRouteSettings }> =
  async function resourceRoutes(app, { config: settings }) {
    const { database } = app
    const config = { scope: 'users:admin' }
    const onePath = '/resources/:name([^/]+)'
    readMergePatch(app)

    app.get(
      '/resources/',
      { config, preValidation: readLimit, schema: operations.listResources },
      async ({ query: { limit, cursor }, url }, reply) => {
        const after = cursor === undefined ? undefined : decodeNameCursor(cursor, 'resources')
        const { page, last } = cutPage(await listResources({ limit: limit + 1, after }, database), limit)
        if (last) reply.header('link', nextLink(url, encodeNameCursor('resources', last.name)))
        return page.map(toResource)
      },
    )

    app.post(
      '/resources/',
      { config, bodyLimit, schema: operations.createResource },
      async (request, reply) => {
        const { name, ...given } = request.body
        await freeScopeNames(database)
        const resource = await database.$transaction(async (transaction) => {
          const created = await createResource({ name, ...toSettings(given) }, settings, transaction)
          await record(['resource_created'], name, request, transaction)
          return created
        })
        return reply
          .code(201)
          .headers({ etag: etagOf(resource), location: `/resources/${name}` })
          .send(toResource(resource))
      },
    )

    app.get(onePath, { config, schema: operations.readResource }, async ({ params, headers }, reply) => {
      const resource = await findResource(params.name, database)
      if (!resource) throw new ServiceError('not_found')
      reply.header('etag', etagOf(resource))
      if (isUnchanged(headers, etagOf(resource))) return reply.code(304).send(null)
      return toResource(resource)
    })

    app.patch(onePath, { config, bodyLimit, schema: operations.updateResource }, async (request, reply) => {
      const { params, body } = request
      if (body.scopes) await freeScopeNames(database)
      const resource = await database.$transaction(async (transaction) => {
        const changed = await changeResource(
          params.name,
          (current) => {
            requireState(current, request)
            return toChanges(body)
          },
          settings,
          transaction,
        )
        await record(actionsOf(body), params.name, request, transaction)
        return changed
      })
      return reply.header('etag', etagOf(resource)).send(toResource(resource))
    })

    app.delete(onePath, { config, schema: operations.deleteResource }, async (request, reply) => {
      const { name } = request.params
      await database.$transaction(async (transaction) => {
        await deleteResource(name, (current) => requireState(current, request), transaction)
        await record(['resource_deleted'], name, request, transaction)
      })
      return reply.code(204).send(null)
    })

    function requireState(current: ManagedResource, { headers }: FastifyRequest): void {
      requirePreconditions(headers, etagOf(current), settings.requireIfMatch)
    }
  }

async function record(
  actions: AuditAction[],
  name: string,
  request: FastifyRequest,
  transaction: Transaction,
): Promise<void> {
  for (const action of actions)
    await recordEvent(
      administratorOperation(action, resourceSubject(name), request.currentUser, request),
      within(transaction),
    )
}

/** Returns the actions of a patch, as audit events name them. An empty patch is a change: it updates `updated_at`. */
function actionsOf({ disabled, ...others }: Static<typeof ResourcePatch>): AuditAction[] {
  const hasOthers = Object.keys(others).length > 0
  const actions: AuditAction[] = hasOthers || disabled === undefined ? ['resource_changed'] : []
  if (disabled !== undefined) actions.push(disabled ? 'resource_disabled' : 'resource_enabled')
  return actions
}
