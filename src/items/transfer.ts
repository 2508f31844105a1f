import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { InvalidLines, validationResponse } from '../errors.js'
import { ref, success } from '../schema.js'
import { importAll, importEach } from './import.js'
import type { ItemsOptions } from './index.js'
import { toWhole } from './item.js'
import { readLines } from './lines.js'
import { type ItemPage, listWholeItems } from './reads.js'
import { addresses, ImportQuery, ImportReport, maxImportBytes } from './schema.js'
import type { Owner } from './store.js'

const ndjson = 'application/x-ndjson'

/** So many items are read at a time. */
const exportRows = 500

/** All items of one owner at once, as NDJSON: one item a line. Register them where single items are served. */
export const transfer: FastifyPluginAsyncTypebox<ItemsOptions> = async function transfer(app, { path }) {
  const { database } = app
  const isOwn = path === '/users/me/items/'
  const named = (operation: string) => (isOwn ? `${operation}_own_items` : `${operation}_items_of`)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    ndjson,
    { parseAs: 'buffer', bodyLimit: maxImportBytes },
    async (_request: unknown, body: Buffer) => body,
  )

  app.get(
    `${path}export`,
    {
      config: { scope: 'items:read' },
      schema: {
        operationId: named('export'),
        summary: 'Export all items',
        description: 'All items of one owner, the oldest first: one whole item a line (NDJSON).',
        tags: ['items'],
        produces: [ndjson],
        params: addresses[path].all,
        response: {
          200: {
            description: 'One `WholeItem` a line',
            content: { [ndjson]: { schema: Type.Unsafe<Readable>({ type: 'string' }) } },
          },
        },
      },
    },
    async function exportItems({ owner }, reply) {
      const first = await readPage(owner)
      return reply.type(ndjson).send(Readable.from(linesFrom(owner, first)))
    },
  )

  app.post(
    `${path}import`,
    {
      config: { scope: 'items:write' },
      bodyLimit: maxImportBytes,
      schema: {
        operationId: named('import'),
        summary: 'Import items',
        description:
          'Adds items, one `NewItem` a line (NDJSON, at most 16 MiB). With `mode=all` a line that is wrong, or whose id ' +
          'exists, keeps all of them out; with `mode=each` only itself, and the report says why.',
        tags: ['items'],
        consumes: [ndjson],
        params: addresses[path].all,
        querystring: ImportQuery,
        body: { content: { [ndjson]: { schema: Type.Any() } } },
        response: { 200: ref(ImportReport, success), ...validationResponse('item_id') },
      },
    },
    async function importItems(request) {
      const { owner, query, body } = request
      const lines = readLines((body as Buffer | undefined) ?? Buffer.alloc(0), request, app)
      if (query.mode === 'each') return importEach(owner, lines, database)
      const report = await importAll(owner, lines, database)
      if (report.failed > 0) throw new InvalidLines(report.errors)
      return report
    },
  )

  function readPage(owner: Owner, after?: ItemPage['after']) {
    return listWholeItems(owner, { limit: exportRows, sort: 'created_at', after }, database)
  }

  async function* linesFrom(owner: Owner, first: Awaited<ReturnType<typeof readPage>>) {
    for (let page = first; ; page = await readPage(owner, page.next)) {
      yield page.items.map((item) => `${JSON.stringify(toWhole(owner, item))}\n`).join('')
      if (!page.next) return
    }
  }
}
