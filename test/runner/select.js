import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { listFiles } from '../../scripts/lib/files.js'
import { workspaces } from '../../scripts/lib/workspaces.js'

const suffix = '.test.ts'

/** Folders of tests that need a cluster, Prometheus or a Docker engine, fetch packages of other languages, or take minutes of load. They run only if they are named. */
const onDemand = [
  'test/citus/',
  'test/containers/',
  'test/ha/',
  '/monitoring/prometheus/',
  '/toolchains/',
  '/proof/',
]

/** Folders of tests. */
const roots = ['test', ...workspaces.map((folder) => join(folder, 'test'))]

/**
 * Returns the test files that are named, those of a folder if that is named, or all but those that run on demand.
 *
 * @param {string[]} named
 */
export function selectFiles(named) {
  if (named.length === 0) return roots.flatMap(filesBelow).filter((file) => !isOnDemand(file))
  return named.map(normalize).flatMap((path) => {
    if (!existsSync(path)) throw new Error(`${path} does not exist`)
    return statSync(path).isDirectory() ? filesBelow(path) : [path]
  })
}

/**
 * Returns whether a test file starts processes: it imports `node:child_process`, or a helper that does.
 *
 * @param {string} file
 */
export function startsProcesses(file, seen = new Set([file])) {
  const source = readFileSync(file, 'utf8')
  if (source.includes("from 'node:child_process'")) return true
  for (const [, specifier = ''] of source.matchAll(/from '(\.\.?\/[^']*)\.js'/g)) {
    const imported = join(dirname(file), `${specifier}.ts`)
    if (!roots.some((folder) => imported.startsWith(join(folder, '/'))) || seen.has(imported)) continue
    seen.add(imported)
    if (startsProcesses(imported, seen)) return true
  }
  return false
}

/** @param {string} file */
function isOnDemand(file) {
  return onDemand.some((folder) => file.includes(folder))
}

/** @param {string} folder */
function filesBelow(folder) {
  return listFiles(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => join(folder, file))
}
