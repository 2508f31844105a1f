import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fingerprint } from './files.js'

/**
 * @typedef {object} BuildMark what a folder of generated files was made from
 * @property {string} inputs fingerprint of the inputs
 * @property {string} outputs fingerprint of the generated files
 * @property {string[]} files paths of the generated files, relative to the folder
 */

const fileName = '.built-from'

/**
 * Reads the mark of the last build of a folder.
 *
 * @param {string} folder
 * @returns {BuildMark | null} null if no build has finished
 */
export function readMark(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, fileName), 'utf8'))
  } catch {
    return null
  }
}

/**
 * Returns whether the files of a folder were made from these inputs, and are all there, unchanged.
 *
 * @param {string} folder
 * @param {string} inputs fingerprint of the inputs
 */
export function isCurrent(folder, inputs) {
  const mark = readMark(folder)
  if (mark?.inputs !== inputs) return false
  try {
    return mark.outputs === fingerprintFiles(folder, mark.files)
  } catch {
    return false
  }
}

/**
 * Removes the mark while the folder is being changed.
 *
 * @param {string} folder
 */
export function removeMark(folder) {
  rmSync(join(folder, fileName), { force: true })
}

/**
 * @param {string} folder
 * @param {string} inputs fingerprint of the inputs
 * @param {string[]} files paths of the generated files, relative to the folder
 */
export function writeMark(folder, inputs, files) {
  /** @type {BuildMark} */
  const mark = { inputs, outputs: fingerprintFiles(folder, files), files }
  writeFileSync(join(folder, fileName), JSON.stringify(mark))
}

/**
 * @param {string} folder
 * @param {string[]} files
 */
function fingerprintFiles(folder, files) {
  return fingerprint(files.map((file) => join(folder, file)))
}
