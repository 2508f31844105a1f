import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import type { SchemaEngine, SchemaFilter } from '@prisma/schema-engine-wasm'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'

const datasource = 'datasource db {\n  provider = "postgresql"\n}\n'

/** Nothing is left out of what the engine looks at. */
export const noFilters: SchemaFilter = { externalTables: [], externalEnums: [] }

/**
 * Starts Prisma's own schema engine, the one behind `prisma migrate`, as WebAssembly inside this process.
 *
 * @param url the database it works on; the engine connects at once
 */
export async function startSchemaEngine(url: string): Promise<SchemaEngine> {
  await loadWebAssembly()
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: url }))
  return bindings.SchemaEngine.new({ datamodels: [['schema.prisma', datasource]] }, () => {}, adapter)
}

/**
 * The SQL that turns an empty database, or one of the first schema, into one of the second.
 *
 * @param from text of a schema.prisma, or `null` for an empty database
 * @param to text of a schema.prisma
 */
export async function diffSchemas(engine: SchemaEngine, from: string | null, to: string): Promise<string> {
  const target = (content: string) => ({
    tag: 'schemaDatamodel' as const,
    files: [{ path: 'schema.prisma', content }],
  })
  const difference = await engine.diff({
    from: from === null ? { tag: 'empty' } : target(from),
    to: target(to),
    script: true,
    exitCode: null,
    filters: noFilters,
  })
  return difference.stdout as string
}

async function loadWebAssembly(): Promise<void> {
  const glue = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const binary = await readFile(glue.replace(/\.js$/, '.wasm'))
  const { instance } = await WebAssembly.instantiate(binary, {
    './schema_engine_bg.js': { ...bindings },
  })
  bindings.__wbg_set_wasm(instance.exports)
  ;(instance.exports.__wbindgen_start as () => void)()
}
