import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { assetsDirectory } from '../files.js'
import { HttpError, HttpValidationError, ValidationError } from '../schema.js'
import { documentOptions } from './document.js'
import { oauth2RedirectPage, redocPage, swaggerUiPage } from './pages.js'

/** Nothing on the pages comes from another host; both renderers set styles inline, and ReDoc searches in a worker. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  'worker-src blob:',
  "frame-ancestors 'none'",
].join('; ')

const hidden = { schema: { hide: true } }

/** Describes all routes registered after it at /openapi.json and shows them at /docs and /redoc. */
export async function registerDocs(app: FastifyInstance): Promise<void> {
  for (const schema of [HttpError, ValidationError, HttpValidationError]) app.addSchema(schema)
  await app.register(swagger, documentOptions)

  app.get('/openapi.json', hidden, async function serveDocument() {
    return app.swagger()
  })
  app.get('/docs', hidden, async function serveSwaggerUi(_request, reply) {
    return sendPage(reply, swaggerUiPage)
  })
  const redirectPage = oauth2RedirectPage(await readFile(join(assetsDirectory, 'oauth2-redirect.js'), 'utf8'))
  app.get('/docs/oauth2-redirect', hidden, async function serveOAuth2Redirect(_request, reply) {
    return sendPage(reply, redirectPage)
  })
  app.get('/redoc', hidden, async function serveRedoc(_request, reply) {
    return sendPage(reply, redocPage)
  })

  await app.register(fastifyStatic, {
    root: assetsDirectory,
    prefix: '/docs/assets/',
    schemaHide: true,
    maxAge: '1d',
  })
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', contentSecurityPolicy)
    .send(page)
}
