import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled, run } from '../lib/children.js'
import { atEnd } from '../lib/cleanup.js'
import { pathOf } from '../lib/environment.js'
import { NotAvailable } from '../lib/not-available.js'

/** The function of Node.js behind `os.getPriority`, by which the driver marks the ends of the counts. */
const marker = 'uv_os_getpriority'
/** Number of marks for each function. */
const marksPerFunction = 3
/**
 * Flags that make V8 count the same each time: no compiler, no further threads, no random seeds, and room for all objects, so
 * that no garbage is collected.
 */
const flags = [
  '--jitless',
  '--single-threaded',
  '--predictable',
  '--hash-seed=1',
  '--random-seed=1',
  '--no-flush-bytecode',
  '--min-semi-space-size=128',
  '--max-semi-space-size=128',
]

/**
 * Counts the instructions of one call of each hot function.
 *
 * @returns {Promise<Record<string, number>>}
 * @throws {NotAvailable} without valgrind, or if it cannot see the marks
 */
export async function countInstructions() {
  if (!(await isInstalled('valgrind'))) throw new NotAvailable('valgrind is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-callgrind-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  atEnd(remove)
  const output = join(folder, 'count')
  const valgrind = [
    '--quiet',
    '--tool=callgrind',
    `--callgrind-out-file=${output}`,
    `--dump-before=${marker}`,
  ]
  const driver = [process.execPath, ...flags, pathOf('hot-functions.js')]
  const { calls, names } = JSON.parse(await run('valgrind', [...valgrind, ...driver]))
  const totals = await readTotals(output, names.length * marksPerFunction)
  await remove()
  return countsPerCall(names, totals, calls)
}

/**
 * @param {string[]} names
 * @param {number[]} totals instructions before each mark since the mark before it
 * @param {number} calls number of calls before the second mark of each function; before the third there were twice as many
 * @returns {Record<string, number>}
 */
export function countsPerCall(names, totals, calls) {
  return Object.fromEntries(
    names.map((name, index) => {
      const [, once = Number.NaN, twice = Number.NaN] = totals.slice(index * marksPerFunction)
      return [name, Math.round((twice - once) / calls)]
    }),
  )
}

/**
 * @param {string} output beginning of the names of the files, one for each mark
 * @param {number} marks
 */
async function readTotals(output, marks) {
  const numbers = Array.from({ length: marks }, (_, index) => index + 1)
  return Promise.all(
    numbers.map(async (number) => {
      const text = await readFile(`${output}.${number}`, 'utf8').catch(() => '')
      const total = /^totals: (\d+)$/m.exec(text)?.[1]
      if (total === undefined) throw new NotAvailable(`callgrind does not see ${marker} in this Node.js`)
      return Number(total)
    }),
  )
}
