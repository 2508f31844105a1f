import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { drawPeers, drawRates, drawResponseTimes, drawSideBySide } from './charts.js'
import { writePage } from './text.js'

const directory = join(import.meta.dirname, '../results')

/**
 * Draws the page of a run: bench/results/README.md and its plots.
 *
 * @param {string} file results of the run
 * @returns {Promise<string>} the path of the page
 */
export async function drawPage(file) {
  /** @type {import('./report.js').Report} */
  const report = JSON.parse(await readFile(file, 'utf8'))
  const files = {
    'peers.svg': drawPeers(report),
    'peer-rates.svg': drawSideBySide(report, 'rate', 'requests per second'),
    'peer-cpu.svg': drawSideBySide(report, 'cpu', 'CPU time per request, µs'),
    'rates.svg': drawRates(report),
    'response-times.svg': drawResponseTimes(report),
    'README.md': writePage(report, basename(file)),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  return join(directory, 'README.md')
}
