import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import type { SchemaEngine, SchemaFilter } from '@prisma/schema-engine-wasm'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import { OperatorError } from '../lifecycle/operator-error.js'
import { openSessionPool } from './session.js'

/** The part of the WebAssembly API that is used here; Node.js has it, its type declarations do not. */
declare namespace WebAssembly {
  function instantiate(
    binary: Uint8Array,
    imports: Record<string, unknown>,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>
}

const datasource = 'datasource db {\n  provider = "postgresql"\n}\n'

/** Nothing is left out of what the engine looks at. */
const noFilters: SchemaFilter = { externalTables: [], externalEnums: [] }

/** The bindings hold one instance: a second one would take the memory of the first from under its feet. */
let loading: Promise<void> | undefined

/**
 * Runs Prisma's own schema engine, the one behind `prisma migrate`, as WebAssembly inside this process.
 *
 * @param url the database it works on; the engine connects at once, and is disconnected after the action
 * @throws OperatorError when the database cannot be reached
 */
export async function withSchemaEngine<T>(
  url: string,
  action: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loading ??= loadWebAssembly()
  await loading
  const pool = openSessionPool({ url })
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool))
    const datamodels: [string, string][] = [['schema.prisma', datasource]]
    const engine = await bindings.SchemaEngine.new({ datamodels }, () => {}, adapter).catch(
      (error: Error) => {
        throw new OperatorError(error.message.trim().replace(/\n.*/s, ''))
      },
    )
    return await action(engine)
  } finally {
    await pool.end()
  }
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
