import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { prepareSources } from '../scripts/lib/sources.js'
import { listChecks, runCheck } from './runner/checks.js'
import { compileTests } from './runner/compile.js'
import { collectCoverage, reportCoverage } from './runner/coverage.js'
import { createTemplateDatabase } from './runner/database.js'
import { endGroups } from './runner/process-group.js'
import { printCheckResult, printSummary, printTestResult } from './runner/report.js'
import { runFiles } from './runner/run-files.js'
import { selectFiles, startsProcesses } from './runner/select.js'
import { makeTemporaryFolder } from './runner/temporary-folder.js'
import { runTestFile } from './runner/test-file.js'
import { untilChanged } from './runner/watch.js'

// Runs the test files that are named, or all, each in a process of its own; see CONTRIBUTING.md.

const { values: options, positionals: named } = parseArgs({
  allowPositionals: true,
  options: {
    /** Runs lint and the type check beside the tests. */
    checks: { type: 'boolean' },
    /** Measures the coverage of the sources. A run of all tests fails if it is not complete. */
    coverage: { type: 'boolean' },
    /** Counts a skipped test as failed. */
    'fail-skip': { type: 'boolean' },
    /** If no files are named: run those that start no processes (unit), or those that do (system). */
    unit: { type: 'boolean' },
    system: { type: 'boolean' },
    /** Runs again whenever something changes. */
    watch: { type: 'boolean' },
    /** Number of files that run side by side. It may exceed the number of cores, as tests mostly wait. */
    jobs: { type: 'string', default: '4' },
  },
})
/** Environment of runs without coverage, which a compile cache makes imprecise. Node.js before 22.1 ignores it. */
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
    // The checks read the generated files.
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

/** Runs the checks one after the other, as the tests run beside them. */
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
    const run = (/** @type {string} */ file) =>
      coverage
        ? collectCoverage(coverage, (env) => runTestFile(file, env, database))
        : runTestFile(file, compileCache, database)
    results = await runFiles(files, Number(options.jobs), run, printTestResult)
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

/** Runs the tests after each change. PostgreSQL keeps running; the template is made anew if it may have changed. */
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
