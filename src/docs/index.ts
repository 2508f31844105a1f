import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { assetsDirectory } from '../files.js'
import { errorSchemas } from '../http/error-responses.js'
import { documentOptions } from './document.js'
import { type File, makeFile, sendFile } from './file.js'
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

/** The scripts, styles and images of the pages. */
const assetNames = ['swagger-ui-bundle.js', 'swagger-ui.css', 'redoc.standalone.js', 'favicon-32x32.png']

const assetTypes: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.png': 'image/png',
}

/** Describes all routes registered after it at /openapi.json and shows them at /docs and /redoc. */
export const docs = plugin(registerDocs, { name: 'docs' })

async function registerDocs(app: FastifyInstance): Promise<void> {
  for (const schema of errorSchemas) app.addSchema(schema)
  await app.register(swagger, documentOptions)

  let document: File | undefined
  serveFile(app, '/openapi.json', () => {
    document ??= makeDocument(app)
    return document
  })
  for (const [path, page] of await makePages()) serveFile(app, path, () => page)
  for (const [path, asset] of await readAssets()) serveFile(app, path, () => asset)
}

/** Adds a route for a file. An answer takes no file descriptor, and no memory beyond its headers. */
function serveFile(app: FastifyInstance, path: string, getFile: () => File): void {
  app.get(path, { schema: { hide: true } }, async function serve(request, reply) {
    return sendFile(request, reply, getFile())
  })
}

/** Serialises the document. It is complete once all routes are registered. */
function makeDocument(app: FastifyInstance): File {
  const text = JSON.stringify(app.swagger())
  return makeFile(text, 'application/json; charset=utf-8', { 'cache-control': 'no-cache' })
}

async function makePages(): Promise<[path: string, page: File][]> {
  const redirectScript = await readFile(join(assetsDirectory, 'oauth2-redirect.js'), 'utf8')
  const toFile = (page: string) =>
    makeFile(page, 'text/html; charset=utf-8', { 'content-security-policy': contentSecurityPolicy })
  return [
    ['/docs', toFile(swaggerUiPage)],
    ['/docs/oauth2-redirect', toFile(oauth2RedirectPage(redirectScript))],
    ['/redoc', toFile(redocPage)],
  ]
}

function readAssets(): Promise<[path: string, asset: File][]> {
  return Promise.all(
    assetNames.map(async (name): Promise<[string, File]> => {
      const content = await readFile(join(assetsDirectory, name))
      const type = assetTypes[extname(name)] as string
      return [`/docs/assets/${name}`, makeFile(content, type, { 'cache-control': 'public, max-age=86400' })]
    }),
  )
}
