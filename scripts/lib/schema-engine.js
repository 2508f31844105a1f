import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'

// Prisma's own schema engine, the one behind `prisma migrate`, as WebAssembly in this process.

/**
 * @typedef {object} WebAssemblyApi the part of the API that is used here, which the types of Node.js leave out
 * @property {(binary: Uint8Array, imports: object) => Promise<{ instance: { exports: Record<string, unknown> } }>} instantiate
 */

const datasource = 'datasource db {\n  provider = "postgresql"\n}\n'

/** Stands in for a database: the engine connects when it starts, although comparing two schemas reads nothing. */
const emptyDatabase = {
  provider: /** @type {const} */ ('postgres'),
  adapterName: 'empty',
  queryRaw: async () => ({ columnNames: [], columnTypes: [], rows: [] }),
  executeRaw: async () => 0,
  executeScript: async () => {},
  startTransaction: () => Promise.reject(new Error('there is no database')),
  getConnectionInfo: () => ({ schemaName: 'public', supportsRelationJoins: true }),
  dispose: async () => {},
}

/** Resolves when the engine is loaded. It is loaded once: the bindings hold one instance, which a second would break. */
const loading = loadWebAssembly()

/**
 * Returns the SQL that turns a database of the first schema into one of the second.
 *
 * @param {string | null} from text of a schema.prisma; null for an empty database
 * @param {string} to text of a schema.prisma
 * @returns {Promise<string>}
 */
export async function diffSchemas(from, to) {
  await loading
  const adapter = bindMigrationAwareSqlAdapterFactory({
    provider: emptyDatabase.provider,
    adapterName: emptyDatabase.adapterName,
    connect: async () => emptyDatabase,
    connectToShadowDb: async () => emptyDatabase,
  })
  /** @type {[path: string, content: string][]} */
  const datamodels = [['schema.prisma', datasource]]
  const engine = await bindings.SchemaEngine.new({ datamodels }, () => {}, adapter)
  const { stdout } = await engine.diff({
    from: from === null ? { tag: 'empty' } : toTarget(from),
    to: toTarget(to),
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
  })
  return String(stdout)
}

/**
 * @param {string} content
 * @returns {import('@prisma/schema-engine-wasm').DiffTarget}
 */
function toTarget(content) {
  return { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] }
}

async function loadWebAssembly() {
  const { WebAssembly } = /** @type {{ WebAssembly: WebAssemblyApi }} */ (/** @type {unknown} */ (globalThis))
  const glue = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const binary = await readFile(glue.replace(/\.js$/, '.wasm'))
  const { instance } = await WebAssembly.instantiate(binary, {
    './schema_engine_bg.js': { ...bindings },
  })
  bindings.__wbg_set_wasm(instance.exports)
  const start = /** @type {() => void} */ (instance.exports.__wbindgen_start)
  start()
}
