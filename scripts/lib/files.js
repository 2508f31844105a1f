import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** @typedef {Map<string, Uint8Array>} Files contents by the path of each file, relative to a folder */

/**
 * Lists the files below a folder. Symbolic links are not followed, as some versions of Node.js do with `recursive`.
 *
 * @param {string} folder
 * @returns {string[]} sorted paths, relative to the folder; none if it does not exist
 */
export function listFiles(folder) {
  return listEntries(folder)
    .flatMap((entry) => {
      if (!entry.isDirectory()) return entry.isFile() ? [entry.name] : []
      return listFiles(join(folder, entry.name)).map((file) => join(entry.name, file))
    })
    .sort()
}

/** @param {string} folder */
function listEntries(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return []
    throw error
  }
}

/**
 * Reads the files below a folder.
 *
 * @param {string} folder
 * @param {string} [under] a folder that is put before each path
 * @returns {Files}
 */
export function readFiles(folder, under = '') {
  return new Map(listFiles(folder).map((file) => [join(under, file), readFileSync(join(folder, file))]))
}

/**
 * Returns a digest of files, their names included.
 *
 * @param {string[]} paths
 */
export function fingerprint(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const content = readFileSync(path)
    hash.update(`${path}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

/**
 * Makes a folder contain these files. Each one that has changed is replaced by a rename, so a process that runs from the
 * folder never finds it missing or half written. Symbolic links are left alone.
 *
 * @param {string} folder
 * @param {Files} files
 * @param {(file: string) => void} [retire] what happens to every other file; it is removed by default
 */
export function installFiles(folder, files, retire = (file) => rmSync(join(folder, file))) {
  for (const [file, content] of files) {
    const path = join(folder, file)
    if (isEqual(path, content)) continue
    const temporary = `${path}.${process.pid}.tmp`
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(temporary, content)
    renameSync(temporary, path)
  }
  for (const file of listFiles(folder)) if (!files.has(file)) retire(file)
}

/**
 * @param {string} path
 * @param {Uint8Array} content
 */
function isEqual(path, content) {
  try {
    return readFileSync(path).equals(content)
  } catch {
    return false
  }
}
