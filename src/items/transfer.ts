import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { errorCodes, type FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { BatchValidationError } from '../errors.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { ref, success } from '../http/schema.js'
import { whileConnected } from '../http/while-connected.js'
import { importAll, importEach, importTimeoutMs } from './import.js'
import { toItemDetail } from './item.js'
import { addresses, ImportQuery, ImportReport, maxImportBytes } from './item-schema.js'
import type { Owner } from './item-store.js'
import { type ImportLines, readLines } from './ndjson.js'
import { type ItemPage, listWrittenItems, type WrittenItem } from './reads.js'
import type { ItemsOptions } from './routes.js'

const ndjson = 'application/x-ndjson'

/** Number of items that an export reads at a time: at their largest, they are some 1.5 MB. */
const exportRows = 20

/** All items of one owner at once, as NDJSON: one item a line. Register them where single items are served. */
export const transferRoutes: FastifyPluginAsyncTypebox<ItemsOptions> = async function transfer(
  app,
  { path, config, slots },
) {
  const { database } = app
  const isOwn = path === '/users/me/items/'
  const named = (operation: string) => (isOwn ? `${operation}_own_items` : `${operation}_items_of`)
  /** An owner named in the path may be unknown. */
  const ofAnother = isOwn ? {} : errorResponses('not_found')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    ndjson,
    async function passStream({ headers }: FastifyRequest, body: IncomingMessage) {
      if (Number(headers['content-length']) > maxImportBytes)
        throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
      return body
    },
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
            description: 'One `ItemDetail` a line',
            content: { [ndjson]: { schema: Type.Unsafe<Readable>({ type: 'string' }) } },
          },
          ...errorResponses('too_many_exports'),
          ...ofAnother,
        },
      },
    },
    async function exportItems({ owner, callerSubject }, reply) {
      const giveBack = slots.exports.take(callerSubject)
      try {
        const first = await readPage(owner)
        // A stream closes at its end, and when its client has gone.
        return reply.type(ndjson).send(Readable.from(linesFrom(owner, first)).once('close', giveBack))
      } catch (error) {
        giveBack()
        throw error
      }
    },
  )

  app.post(
    `${path}import`,
    {
      config: { scope: 'items:write' },
      schema: {
        operationId: named('import'),
        summary: 'Import items',
        description:
          `Adds items, one \`NewItem\` a line (NDJSON, at most 16 MiB and ${config.importMaxLines} lines). With ` +
          '`mode=all` a line that is invalid, or whose id exists, keeps all items out; with `mode=each` only its own, ' +
          'and the report says why. Reading ends at 1,000 invalid lines.',
        tags: ['items'],
        consumes: [ndjson],
        params: addresses[path].all,
        querystring: ImportQuery,
        body: { content: { [ndjson]: { schema: Type.Any() } } },
        response: {
          200: ref(ImportReport, success),
          ...errorResponses('body_too_large', 'unsupported_media_type', 'too_many_imports'),
          ...ofAnother,
          ...validationResponse('item_id'),
        },
      },
    },
    async function importItems(request) {
      const { body, callerSubject, query } = request
      // A request without a body has none to read.
      const lines = (body as Readable | undefined) ?? Readable.from([])
      const giveBack = slots.imports.take(callerSubject)
      const report = await importLines(lines, query.mode, request)
        .finally(giveBack)
        // The rest of the body is discarded: the connection can be used again, and the client reads the answer.
        .finally(() => lines.resume())
      if (query.mode === 'all' && report.failed > 0) throw new BatchValidationError(report.errors)
      return report
    },
  )

  async function importLines(body: Readable, mode: 'all' | 'each', request: FastifyRequest) {
    const held = slots.holdBytes()
    try {
      const lines = await readLines(body, config.importMaxLines, request, held)
      return await writeLines(lines, mode, request)
    } finally {
      held.release()
    }
  }

  async function writeLines(lines: ImportLines, mode: 'all' | 'each', request: FastifyRequest) {
    const giveBack = slots.writes.take(request.callerSubject)
    const add = mode === 'each' ? importEach : importAll
    const logError = (error: unknown) => request.log.error({ err: error }, 'import interrupted')
    return whileConnected(request, (connected) =>
      add(
        request.owner,
        lines,
        database,
        AbortSignal.any([connected, AbortSignal.timeout(importTimeoutMs)]),
        logError,
      ),
    ).finally(giveBack)
  }

  function readPage(owner: Owner, after?: ItemPage['after']) {
    return listWrittenItems(owner, { limit: exportRows, sort: 'created_at', after }, database)
  }

  async function* linesFrom(owner: Owner, first: Awaited<ReturnType<typeof readPage>>) {
    for (let page = first; ; page = await readPage(owner, page.next)) {
      yield page.items.map((item) => `${writeWhole(owner, item)}\n`).join('')
      if (!page.next) return
    }
  }
}

/** A whole item as JSON, with its metadata as PostgreSQL writes it. */
function writeWhole(owner: Owner, item: WrittenItem): string {
  const { metadata: _none, ...members } = toItemDetail(owner, { ...item, metadata: {} })
  return `${JSON.stringify(members).slice(0, -1)},"metadata":${item.metadata}}`
}
