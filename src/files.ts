import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** Directory of the scripts and styles of the documentation pages, which scripts/build.js puts there. */
export const assetsDirectory = join(import.meta.dirname, 'docs/assets')

/** Directory of the migrations. Each is a folder, and they are applied in the order of their names. */
export const migrationsDirectory = join(import.meta.dirname, '../prisma/migrations')

/**
 * Creates a directory and those above it that do not exist. The option `recursive` of `mkdir` would try forever where a file
 * system has no place for directories, such as /proc.
 *
 * @param mode permissions of the new directories, which the process's umask restricts
 * @returns the new directories, the topmost first
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<string[]> {
  const missing: string[] = []
  for (let place = resolve(path); !(await isDirectory(place)); place = dirname(place)) missing.unshift(place)
  for (const directory of missing)
    await mkdir(directory, { mode }).catch(async (error: Error) => {
      // Another process may have created it meanwhile.
      if (!(await isDirectory(directory))) throw error
    })
  return missing
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw error
  }
}
