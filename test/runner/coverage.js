import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { listFiles } from '../../scripts/lib/files.js'
import { buildDirectory } from './compile.js'
import { startGroup } from './process-group.js'

const c8 = createRequire(import.meta.url).resolve('c8/bin/c8.js')

/**
 * Reports how much of the sources has been executed, from the raw coverage of all processes. With `gate`, source files
 * that no process has loaded count too.
 *
 * @param {string} directory where the processes have written their coverage
 * @param {boolean} gate whether anything below 100% is a failure
 * @returns {Promise<boolean>}
 */
export async function reportCoverage(directory, gate) {
  const options = [
    `--temp-directory=${directory}`,
    `--reports-dir=${directory}`,
    `--include=${buildDirectory}/src/**`,
    `--include=${buildDirectory}/prisma/**`,
    `--exclude=${buildDirectory}/src/database/generated/**`,
    `--exclude=${buildDirectory}/src/docs/assets/**`,
    ...listTypeFiles().map((file) => `--exclude=${file}`),
    '--reporter=text',
    ...(gate ? ['--all', '--skip-full', '--check-coverage', '--100'] : []),
  ]
  const { ended } = startGroup(process.execPath, [c8, 'report', ...options], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const { status } = await ended
  return status === 0
}

/** Returns the compiled files of sources that contain only types: they have no code, and no process loads them. */
function listTypeFiles() {
  const folder = join(buildDirectory, 'src')
  return listFiles(folder)
    .filter((file) => file.endsWith('.js'))
    .map((file) => join(folder, file))
    .filter((file) => readFileSync(file, 'utf8').startsWith('//# sourceMappingURL'))
}
