import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const path = join(import.meta.dirname, '../baseline.json')

/**
 * @typedef {object} Ratios
 * @property {string} date
 * @property {string} commit
 * @property {Record<string, string | number>} machine
 * @property {Record<string, import('./ratios.js').Ratio>} scenarios
 *
 * @typedef {object} Baseline
 * @property {Record<string, Ratios>} ratios by the name of the load generator
 * @property {Record<string, Record<string, number>>} instructions of each function, by the version of Node.js
 */

/** @returns {Promise<Baseline>} an empty one if there is none yet */
export async function readBaseline() {
  const text = await readFile(path, 'utf8').catch(() => '{"ratios":{},"instructions":{}}')
  return JSON.parse(text)
}

/**
 * Replaces what was measured, and keeps what belongs to other load generators and versions.
 *
 * @param {Baseline} baseline
 */
export async function writeBaseline(baseline) {
  await writeFile(path, `${JSON.stringify(baseline, null, 2)}\n`)
  return path
}
