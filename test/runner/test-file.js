import { execFileSync } from 'node:child_process'
import { Parser } from 'tap-parser'
import { compiledPath } from './compile.js'
import { startGroup } from './process-group.js'

/**
 * Time after which tap fails the tests of a file that are still running (seconds). Only a file that hangs takes so long:
 * the longest one takes a minute, or five while other work keeps both processors busy.
 */
const timeoutSeconds = 600
/** Time after which the process of a test file is killed (seconds). */
const killSeconds = 660

/**
 * V8's option for the amount of bytecode (bytes) that a function executes before it is optimised: several times the default,
 * because most test files end before optimising has paid. Node.js 24 no longer has it.
 */
const optimiseLate = '--interrupt-budget'
const v8Options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })
const nodeOptions = [
  '--enable-source-maps',
  ...(v8Options.includes(`  ${optimiseLate} (`) ? [`${optimiseLate}=400000`] : []),
]

/** Beginning of the comments of tests that are printed. */
const noticePrefix = '# notice: '

/**
 * @typedef {object} TestResult
 * @property {string} file
 * @property {boolean} ok
 * @property {number} count number of assertions
 * @property {string[]} skips what was skipped, and why
 * @property {string[]} notices what the tests say about what they measured
 * @property {string} report what failed, as text
 * @property {number} ms
 */

/**
 * Runs one test file in a process of its own.
 *
 * @param {string} file
 * @param {NodeJS.ProcessEnv} env
 * @param {import('./database.js').TemplateDatabase} database
 * @returns {Promise<TestResult>}
 */
export async function runTestFile(file, env, database) {
  const beganAt = performance.now()
  const { child, ended } = startGroup(process.execPath, [...nodeOptions, compiledPath(file)], {
    env: { ...process.env, ...env, TAP: '1', TAP_TIMEOUT: String(timeoutSeconds) },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  // Its only message is the request for the template database.
  child.on('message', async () => {
    const answer = await database.provide().then(
      (template) => ({ template }),
      (error) => ({ error: String(error.stack) }),
    )
    if (child.connected) child.send(answer, () => {})
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), killSeconds * 1000)
  const output = readOutput(child)
  const { status, signal } = await ended
  clearTimeout(timer)
  const { results, failures, other } = output()
  const ok = status === 0 && results.ok
  const ending = status === 0 ? '' : `ended with ${signal ?? `status ${status}`}\n`
  return {
    file,
    ok,
    count: results.pass + results.fail,
    notices: results.notices,
    skips: results.skips.map(({ fullname, skip }) => `${fullname}: ${skip}`),
    report: ok ? '' : [...failures, other, ending].join('\n'),
    ms: performance.now() - beganAt,
  }
}

/** @param {import('node:child_process').ChildProcess} child */
function readOutput(child) {
  /** @type {string[]} */
  const failures = []
  /** @type {Set<string>} */
  const seen = new Set()
  /** @type {{ pass: number, fail: number, skips: { fullname: string, skip: string | true }[], notices: string[] }} */
  const totals = { pass: 0, fail: 0, skips: [], notices: [] }
  let other = ''
  const parser = new Parser()
  follow(parser)
  child.stdout?.setEncoding('utf8').on('data', (text) => parser.write(text))
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    other += text
  })

  /** @param {Parser} level a test, whose subtests are followed too */
  function follow(level) {
    level.on('child', follow)
    level.on('comment', (text) => {
      if (text.startsWith(noticePrefix)) totals.notices.push(text.slice(noticePrefix.length).trim())
    })
    level.on('extra', (text) => {
      other += text
    })
    level.on('assert', (result) => {
      if (result.skip) totals.skips.push(result)
      else if (result.ok || result.todo) totals.pass += 1
      else {
        totals.fail += 1
        // A test that fails only because a subtest has failed is not reported again.
        if (![...seen].some((name) => name.startsWith(`${result.fullname} > `)))
          failures.push(describe(result))
        seen.add(result.fullname)
      }
    })
  }

  return () => {
    parser.end()
    const ok = parser.results?.ok ?? false
    return { results: { ...totals, ok }, failures, other }
  }
}

/** @param {import('tap-parser').Result} result */
function describe({ fullname, diag, tapError }) {
  const details = diag ? Object.entries(diag).map(([key, value]) => `${key}: ${text(value)}`) : []
  return [`✗ ${fullname}${tapError ? ` (${tapError})` : ''}`, ...details.map((line) => indent(line))].join(
    '\n',
  )
}

/** @param {unknown} value */
function text(value) {
  return typeof value === 'string' ? `\n${indent(value.trimEnd())}` : JSON.stringify(value)
}

/** @param {string} lines */
function indent(lines) {
  return lines.replace(/^/gm, '    ')
}
