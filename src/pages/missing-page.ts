import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import { html } from 'hono/html'
import { addVary } from '../http/headers.js'
import { choosePreferred } from '../http/media-types.js'
import type { StaticFile } from '../http/static-file.js'
import { createPage } from './html/page.js'

/** Pages by the status of the response that they replace. */
const files: Record<number, StaticFile> = {
  404: createMissingPage(404, 'There is no page at this address.'),
  405: createMissingPage(405, 'This address is for applications. It has no page to show.'),
}

/**
 * Shows browsers a page where there is none, with the status of the JSON response. Clients that do not prefer HTML get the
 * JSON response: those that accept any type, for example.
 */
export const missingPage = plugin(
  async function registerMissingPage(app) {
    app.addHook('onSend', function replaceBody(request, reply, payload, done) {
      const file = files[reply.statusCode]
      done(null, file && isForBrowser(request) ? showPage(reply, file) : payload)
    })
  },
  { name: 'missing-page', dependencies: ['fallbacks'] },
)

/** Returns whether a browser opens a URL that has no page. */
function isForBrowser(request: FastifyRequest): boolean {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  return (
    isRead && request.is404 && choosePreferred(request, ['application/json', 'text/html']) === 'text/html'
  )
}

function showPage(reply: FastifyReply, { body, headers: { etag, ...headers } }: StaticFile): Buffer {
  addVary(reply, 'accept')
  reply.headers(headers)
  return body
}

function createMissingPage(status: number, text: string): StaticFile {
  const title = String(STATUS_CODES[status])
  const main = html`<section class="dialog">
        <h1>${title}</h1>
        <p>${text}</p>
        <p><a href="/">Go to the start page</a></p>
      </section>`
  return createPage({ title: `${title} - Latchkey`, main }, 'no-store')
}
