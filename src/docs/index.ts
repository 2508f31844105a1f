import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { Static } from 'typebox'
import { assetsDirectory } from '../files.js'
import { errorSchemas } from '../http/error-schema.js'
import { createFile, type StaticFile, sendFile } from '../http/static-file.js'
import { retryableOnce } from '../lifecycle/once.js'
import { documentOptions } from './document.js'
import { oauth2RedirectPage, redocPage, swaggerUiPage } from './pages.js'
import { DocumentQuery, selectDocument } from './selection.js'

/** Allows no other host. Both renderers use inline styles, and ReDoc searches in a worker. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  'worker-src blob:',
  "frame-ancestors 'none'",
].join('; ')

/** The scripts and styles of the pages. */
const assetNames = ['swagger-ui-bundle.js', 'swagger-ui.css', 'redoc.standalone.js']

const assetTypes: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

interface DocsOptions {
  /** Whether it is served. Otherwise the document is only generated. */
  isServed: boolean
}

/** Serves the document of all routes registered after it at /openapi.json, and pages that show it at /docs and /redoc. */
export const docs = plugin(registerDocs, { name: 'docs' })

async function registerDocs(app: FastifyInstance, { isServed }: DocsOptions): Promise<void> {
  for (const schema of errorSchemas) app.addSchema(schema)
  await app.register(swagger, documentOptions)
  if (!isServed) return

  serveDocument(app)
  await servePages(app)
  serveAssets(app)
}

/** Serves the document in each version and profile. It is complete once all routes are registered. */
function serveDocument(app: FastifyInstance): void {
  const documents = new Map<string, StaticFile>()

  function getDocument(query: Static<typeof DocumentQuery>): StaticFile {
    const key = `${query.version} ${query.profile}`
    const known = documents.get(key)
    if (known) return known
    const text = JSON.stringify(selectDocument(app.swagger(), query))
    const file = createFile(text, 'application/json; charset=utf-8', { 'cache-control': 'no-cache' })
    documents.set(key, file)
    return file
  }

  app.get<{ Querystring: Static<typeof DocumentQuery> }>(
    '/openapi.json',
    { schema: { hide: true, querystring: DocumentQuery } },
    async function sendDocument(request, reply) {
      return sendFile(request, reply, getDocument(request.query))
    },
  )
}

async function servePages(app: FastifyInstance): Promise<void> {
  const redirectScript = await readFile(join(assetsDirectory, 'oauth2-redirect.js'), 'utf8')
  const pages = {
    '/docs': swaggerUiPage,
    '/docs/oauth2-redirect': oauth2RedirectPage(redirectScript),
    '/redoc': redocPage,
  }
  for (const [path, page] of Object.entries(pages)) {
    const headers = { 'content-security-policy': contentSecurityPolicy }
    const file = createFile(page, 'text/html; charset=utf-8', headers)
    serveFile(app, path, async () => file)
  }
}

/** Serves the scripts and styles, 3 MB. Each is read for the first request, as most processes never serve them. */
function serveAssets(app: FastifyInstance): void {
  for (const name of assetNames) {
    const type = assetTypes[extname(name)] as string
    const readAsset = retryableOnce(async function readAsset() {
      const content = await readFile(join(assetsDirectory, name))
      return createFile(content, type, { 'cache-control': 'public, max-age=86400' })
    })
    serveFile(app, `/docs/assets/${name}`, readAsset)
  }
}

/** Adds a route for a file. Responses take no file descriptor, and no memory except for their headers. */
function serveFile(app: FastifyInstance, path: string, read: () => Promise<StaticFile>): void {
  app.get(path, { schema: { hide: true } }, async function serve(request, reply) {
    return sendFile(request, reply, await read())
  })
}
