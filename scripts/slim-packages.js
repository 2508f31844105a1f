import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

// Removes files of installed packages that nothing here loads, and that `overrides` in package.json cannot leave out. npm runs
// this script after an installation.

/** Folder with Prisma's compilers of queries: for five databases, each in two sizes. */
const compilers = 'node_modules/@prisma/client/runtime'
/** The beginning of their names, and of the one that the generator is configured for. */
const anyCompiler = 'query_compiler_'
const usedCompiler = 'query_compiler_small_bg.postgresql.'

if (existsSync(compilers))
  for (const file of readdirSync(compilers))
    if (file.startsWith(anyCompiler) && !file.startsWith(usedCompiler)) rmSync(join(compilers, file))
