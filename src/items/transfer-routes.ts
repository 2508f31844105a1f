import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { errorCodes, type FastifyRequest } from 'fastify'
import { whileConnected } from '../http/while-connected.js'
import { exportLines } from './export.js'
import { importAll, importEach, rejectionOf } from './import.js'
import { maxImportBytes } from './item-schema.js'
import { type ImportLines, readLines } from './ndjson.js'
import * as operations from './operations.js'
import type { ItemsOptions } from './options.js'

const ndjson = 'application/x-ndjson'

type ImportMode = 'all' | 'each'

/** The routes that export and import all items of one owner. */
export const transferRoutes: FastifyPluginAsyncTypebox<ItemsOptions> = async function transferRoutes(
  app,
  { path, config, slots },
) {
  const { database } = app
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(ndjson, passStream)

  app.get(
    `${path}export`,
    { config: { scope: 'items:read' }, schema: operations.exportItems(path) },
    async function exportItems({ owner, callerSubject }, reply) {
      const release = slots.exports.take(callerSubject)
      try {
        // A stream closes when it ends, and when its client disconnects.
        const lines = Readable.from(await exportLines(owner, database)).once('close', release)
        return reply.type(ndjson).send(lines)
      } catch (error) {
        release()
        throw error
      }
    },
  )

  app.post(
    `${path}import`,
    {
      config: { scope: 'items:write' },
      schema: operations.importItems(path, config.importMaxLines),
    },
    async function importItems(request) {
      const { callerSubject, query } = request
      // A request without a body has no stream.
      const body = (request.body as Readable | undefined) ?? Readable.from([])
      const release = slots.imports.take(callerSubject)
      const report = await importLines(body, query.mode, request)
        .finally(release)
        // Discards the rest of the body, so that the client reads the response and the connection stays usable.
        .finally(() => body.resume())
      if (query.mode === 'all' && report.failed > 0) throw rejectionOf(report)
      return report
    },
  )

  async function importLines(body: Readable, mode: ImportMode, request: FastifyRequest) {
    const held = slots.holdBytes()
    try {
      const lines = await readLines(body, config.importMaxLines, request, held)
      return await writeLines(lines, mode, request)
    } finally {
      held.release()
    }
  }

  async function writeLines(lines: ImportLines, mode: ImportMode, request: FastifyRequest) {
    const { owner, callerSubject, log } = request
    const release = slots.writes.take(callerSubject)
    const add = mode === 'each' ? importEach : importAll
    const logError = (error: unknown) => log.error({ err: error }, 'import interrupted')
    return whileConnected(request, (connected) => {
      const signal = AbortSignal.any([connected, AbortSignal.timeout(database.limits.importMs)])
      return add(owner, lines, database, signal, logError)
    }).finally(release)
  }
}

/** Passes the body on as a stream, unless its announced length is too large. */
async function passStream({ headers }: FastifyRequest, body: IncomingMessage): Promise<IncomingMessage> {
  if (Number(headers['content-length']) > maxImportBytes) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
  return body
}
