import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { prepareSources } from '../scripts/lib/sources.js'
import { listChecks, runCheck } from './runner/checks.js'
import { compileTests } from './runner/compile.js'
import { reportCoverage } from './runner/coverage.js'
import { createTemplateDatabase } from './runner/database.js'
import { endGroups } from './runner/process-group.js'
import { printCheckResult, printSummary, printTestResult } from './runner/report.js'
import { runFiles } from './runner/run-files.js'
import { selectFiles, startsProcesses } from './runner/select.js'
import { makeTemporaryFolder } from './runner/temporary-folder.js'
import { untilChanged } from './runner/watch.js'

// Runs the test files that are named, or all, each in a process of its own; see CONTRIBUTING.md.

const { values: options, positionals: named } = parseArgs({
  allowPositionals: true,
  options: {
    /** Lint and types too, beside the tests. */
    checks: { type: 'boolean' },
    /** Coverage of the sources; without it being complete a run of all tests fails. */
    coverage: { type: 'boolean' },
    /** A test that is skipped fails. */
    'fail-skip': { type: 'boolean' },
    /** Without files that are named: those that start no processes, or those that do. */
    unit: { type: 'boolean' },
    system: { type: 'boolean' },
    /** Runs again whenever something changes. */
    watch: { type: 'boolean' },
    /** Number of files that run side by side. Tests wait a lot. */
    jobs: { type: 'string', default: '4' },
  },
})
/** Without coverage, which it makes imprecise. Node.js before 22.1 does not look at it. */
const compileCache = { NODE_COMPILE_CACHE: 'node_modules/.cache/latchkey/compiled' }

makeTemporaryFolder()
const database = createTemplateDatabase()
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, async () => {
    endGroups()
    await database.close()
    process.exit(1)
  })

try {
  if (options.watch) await watchFiles()
  else process.exitCode = (await runOnce()) ? 0 : 1
} catch (error) {
  console.error(/** @type {Error} */ (error).message)
  process.exitCode = 1
} finally {
  await database.close()
}

async function runOnce() {
  const beganAt = performance.now()
  const coverage = options.coverage ? mkdtempSync(join(tmpdir(), 'latchkey-coverage-')) : null
  try {
    // The checks read what this makes.
    await prepareSources()
    const [checks, tests] = await Promise.all([runChecks(), runTests(coverage)])
    const steps = [...checks, ...tests.steps]
    if (coverage) steps.push(await measured('coverage', () => reportCoverage(coverage, named.length === 0)))
    printSummary(tests.results, [...steps, { name: 'in all', ok: true, ms: performance.now() - beganAt }])
    return steps.every(({ ok }) => ok)
  } finally {
    if (coverage) rmSync(coverage, { recursive: true })
  }
}

/** Runs the checks one after the other: the tests run beside them. */
async function runChecks() {
  const results = []
  for (const command of options.checks ? listChecks() : []) {
    const result = await runCheck(command)
    printCheckResult(result)
    results.push({ ...result, name: command })
  }
  return results
}

/** @param {string | null} coverage folder where processes write their coverage */
async function runTests(coverage) {
  const files = chooseFiles()
  const built = await measured('build', async () => {
    await Promise.all([compileTests(), files.some((file) => startsProcesses(file)) && buildService()])
    return true
  })
  /** @type {import('./runner/test-file.js').TestResult[]} */
  let results = []
  const tested = await measured('tests', async () => {
    const env = coverage ? { NODE_V8_COVERAGE: coverage } : compileCache
    results = await runFiles(files, Number(options.jobs), env, database, printTestResult)
    return results.every(isPassed)
  })
  return { results, steps: [built, tested] }
}

function chooseFiles() {
  const files = selectFiles(named)
  if (named.length > 0 || !(options.unit || options.system)) return files
  return files.filter((file) => startsProcesses(file) === Boolean(options.system))
}

function buildService() {
  return promisify(execFile)(process.execPath, ['scripts/build.js'])
}

/** @param {import('./runner/test-file.js').TestResult} result */
function isPassed({ ok, skips }) {
  return ok && !(options['fail-skip'] && skips.length > 0)
}

/** PostgreSQL runs on from one run to the next; the template is made anew where it may have changed. */
async function watchFiles() {
  for (;;) {
    await runTests(null).catch((error) => console.error(error.message))
    const changed = await untilChanged(['src', 'prisma', 'test'])
    if (!changed.endsWith('.test.ts')) database.discard()
    console.log(`\n${changed}`)
  }
}

/**
 * @param {string} name
 * @param {() => Promise<boolean>} work
 */
async function measured(name, work) {
  const beganAt = performance.now()
  const ok = await work()
  return { name, ok, ms: performance.now() - beganAt }
}
