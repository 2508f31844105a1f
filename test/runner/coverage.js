import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { listFiles } from '../../scripts/lib/files.js'
import { workspaces } from '../../scripts/lib/workspaces.js'
import { buildDirectory } from './compile.js'
import { startGroup } from './process-group.js'

const c8 = createRequire(import.meta.url).resolve('c8/bin/c8.js')

/** Folders of the compiled sources. */
const sourceFolders = ['src', 'prisma', ...workspaces.map((folder) => join(folder, 'src'))].map((folder) =>
  join(buildDirectory, folder),
)
/** URLs of the compiled sources begin with one of these. */
const sources = sourceFolders.map((folder) => `${pathToFileURL(join(folder, '/'))}`)

/**
 * Runs processes that write their coverage, and keeps what concerns the sources: a small part, as it also covers all packages.
 * The rest is dropped while other tests wait, since the report would otherwise take most of its time to read it.
 *
 * @template T
 * @param {string} directory
 * @param {(env: NodeJS.ProcessEnv) => Promise<T>} run
 */
export async function collectCoverage(directory, run) {
  const raw = mkdtempSync(join(directory, 'raw-'))
  const result = await run({ NODE_V8_COVERAGE: raw })
  for (const file of readdirSync(raw)) {
    const selected = selectSources(readFileSync(join(raw, file), 'utf8'))
    if (selected) writeFileSync(join(directory, file), JSON.stringify(selected))
  }
  rmSync(raw, { recursive: true })
  return result
}

/**
 * @param {string} text coverage of a process
 * @returns {object | null} null if the process was killed while it wrote
 */
function selectSources(text) {
  const isSource = (/** @type {string} */ url) => sources.some((folder) => url.startsWith(folder))
  try {
    const { result, 'source-map-cache': maps = {}, ...rest } = JSON.parse(text)
    return {
      ...rest,
      result: result.filter((/** @type {{ url: string }} */ { url }) => isSource(url)),
      'source-map-cache': Object.fromEntries(Object.entries(maps).filter(([url]) => isSource(url))),
    }
  } catch {
    return null
  }
}

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
    ...sourceFolders.map((folder) => `--include=${folder}/**`),
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
  return sourceFolders
    .flatMap((folder) => listFiles(folder).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.js'))
    .filter((file) => readFileSync(file, 'utf8').startsWith('//# sourceMappingURL'))
}
