import type { FastifyInstance } from 'fastify'
import { createFile, type StaticFile, sendFile } from '../http/static-file.js'
import { confirmEmailPage, forgotPasswordPage, resetPasswordPage } from './account.js'
import { icon } from './html/icon.js'
import { type LandingSettings, landing } from './landing.js'
import { ServiceDescription } from './service-description.js'

/** Schemas that the routes refer to. */
export const pageSchemas = [ServiceDescription]

const favicon = createFile(icon, 'image/svg+xml', { 'cache-control': 'public, max-age=86400' })

const files: Record<string, StaticFile> = {
  '/account/confirm-email': confirmEmailPage,
  '/account/forgot-password': forgotPasswordPage,
  '/account/reset-password': resetPasswordPage,
  '/favicon.svg': favicon,
  // Browsers request it for responses that name no icon, such as JSON.
  '/favicon.ico': favicon,
}

/** Registers the pages for browsers, which the OpenAPI document leaves out except for the landing page. */
export async function pages(app: FastifyInstance, settings: LandingSettings): Promise<void> {
  for (const [path, file] of Object.entries(files))
    app.get(path, { schema: { hide: true } }, async function showFile(request, reply) {
      return sendFile(request, reply, file)
    })
  await app.register(landing, settings)
}
