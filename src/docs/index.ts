import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { assetsDirectory } from '../files.js'
import { errorSchemas } from '../http/error-responses.js'
import { documentOptions } from './document.js'
import { oauth2RedirectPage, redocPage, swaggerUiPage } from './pages.js'
import { createFile, type StaticFile, sendFile } from './static-file.js'

/** Allows no other host. Both renderers use inline styles, and ReDoc searches in a worker. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  'worker-src blob:',
  "frame-ancestors 'none'",
].join('; ')

/** The scripts, styles and images of the pages. */
const assetNames = ['swagger-ui-bundle.js', 'swagger-ui.css', 'redoc.standalone.js', 'favicon-32x32.png']

const assetTypes: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.png': 'image/png',
}

/** Serves the document of all routes registered after it at /openapi.json, and pages that show it at /docs and /redoc. */
export const docs = plugin(registerDocs, { name: 'docs' })

async function registerDocs(app: FastifyInstance): Promise<void> {
  for (const schema of errorSchemas) app.addSchema(schema)
  await app.register(swagger, documentOptions)

  let document: StaticFile | undefined
  serveFile(app, '/openapi.json', () => {
    document ??= createDocument(app)
    return document
  })
  await servePages(app)
  await serveAssets(app)
}

/** Creates the document. It is complete once all routes are registered. */
function createDocument(app: FastifyInstance): StaticFile {
  const text = JSON.stringify(app.swagger())
  return createFile(text, 'application/json; charset=utf-8', { 'cache-control': 'no-cache' })
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
    serveFile(app, path, () => file)
  }
}

async function serveAssets(app: FastifyInstance): Promise<void> {
  for (const name of assetNames) {
    const content = await readFile(join(assetsDirectory, name))
    const type = assetTypes[extname(name)] as string
    const file = createFile(content, type, { 'cache-control': 'public, max-age=86400' })
    serveFile(app, `/docs/assets/${name}`, () => file)
  }
}

/** Adds a route for a file. Responses take no file descriptor, and no memory except for their headers. */
function serveFile(app: FastifyInstance, path: string, getFile: () => StaticFile): void {
  app.get(path, { schema: { hide: true } }, async function serve(request, reply) {
    return sendFile(request, reply, getFile())
  })
}
