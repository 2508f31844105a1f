import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import type { Config } from '../config/index.js'
import { UnknownPath } from '../errors.js'
import { readConditions } from '../http/condition-schema.js'
import { errorResponses } from '../http/error-responses.js'
import { documentHeaders } from '../http/header-schema.js'
import { addVary } from '../http/headers.js'
import { choosePreferred } from '../http/media-types.js'
import { ref, success } from '../http/schema.js'
import { createFile, sendFile } from '../http/static-file.js'
import { createLandingPage } from './landing-page.js'
import { describeService, ServiceDescription } from './service-description.js'

/** Settings of the landing page. */
export type LandingSettings = Pick<Config, 'issuer' | 'production'>

const readLanding = {
  operationId: 'read_landing_page',
  summary: 'Landing page',
  description:
    'Describes the service, as HTML or as JSON: the header `Accept` decides. A request without that header, or that ' +
    'accepts neither, gets 404.',
  tags: ['operations'],
  headers: readConditions,
  response: {
    200: {
      ...success,
      headers: documentHeaders('ETag'),
      content: {
        'application/json': { schema: ref(ServiceDescription) },
        'text/html': { schema: Type.String() },
      },
    },
    304: Type.Null({ description: 'Not Modified', headers: documentHeaders('ETag') }),
    ...errorResponses('not_found', 'precondition_failed', 'internal_error'),
  },
} satisfies FastifySchema

const htmlType = 'text/html; charset=utf-8'
const jsonType = 'application/json; charset=utf-8'

/** Registers the landing page. It links only to routes that are registered before it. */
export const landing: FastifyPluginAsyncTypebox<LandingSettings> = async function landing(app, settings) {
  const description = describeService(settings.issuer, (url) => app.hasRoute({ method: 'GET', url }))
  const page = createLandingPage(description, settings.production)
  const json = createFile(JSON.stringify(description), jsonType, { 'cache-control': 'no-cache' })

  app.get(
    '/',
    { schema: readLanding, config: { hidesPath: true } },
    async function showLanding(request, reply) {
      addVary(reply, 'accept')
      // The tutorial has nothing at this path. Clients recorded with it send no `Accept`, and get its response.
      if (request.headers.accept === undefined) throw new UnknownPath()
      const accepted = choosePreferred(request, [htmlType, jsonType])
      if (!accepted) throw new UnknownPath()
      return sendFile(request, reply, accepted === htmlType ? page : json)
    },
  )
}
