import { createRequire } from 'node:module'

// By require, because the ES modules of these packages import files without their extension.
const require = createRequire(import.meta.url)
/** @type {typeof import('@prisma/client-generator-ts')} */
const { PrismaClientTsGenerator } = require('@prisma/client-generator-ts')
/** @type {typeof import('@prisma/internals')} */
const { getGenerators, loadSchemaContext } = require('@prisma/internals')

/**
 * Generates the Prisma client into the folder that the schema names, as `prisma generate` does. The `prisma` package would
 * add 80 MB for its other commands, and takes two seconds longer.
 *
 * @param {string} schema path of schema.prisma
 * @throws Error when the schema is invalid
 */
export async function generatePrismaClient(schema) {
  const generators = await getGenerators({
    schemaContext: await loadSchemaContext({
      schemaPath: { cliProvidedPath: schema },
      printLoadMessage: false,
    }),
    registry: { 'prisma-client': { type: 'in-process', generator: new PrismaClientTsGenerator() } },
    skipDownload: true,
    cliCommand: 'generate',
  })
  for (const generator of generators) {
    await generator.generate()
    generator.stop()
  }
}
