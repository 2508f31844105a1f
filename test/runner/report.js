/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`.padStart(8)
}

/** @param {import('./test-file.js').TestResult} result */
export function printTestResult({ file, ok, count, skips, notices, report, ms }) {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${seconds(ms)} ${String(count).padStart(6)}  ${file}`)
  for (const notice of notices) console.log(`     ${notice}`)
  for (const skip of skips) console.log(`     skipped: ${skip}`)
  if (!ok) console.log(`\n${report}\n`)
}

/** @param {import('./checks.js').CheckResult} result */
export function printCheckResult({ command, ok, output, ms }) {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${seconds(ms)}         ${command}`)
  if (!ok) console.log(`\n${output}\n`)
}

/**
 * Prints what failed, and the time of each step.
 *
 * @param {import('./test-file.js').TestResult[]} tests
 * @param {{ name: string, ok: boolean, ms: number }[]} steps
 */
export function printSummary(tests, steps) {
  const assertions = tests.reduce((sum, { count }) => sum + count, 0)
  const skips = tests.reduce((sum, result) => sum + result.skips.length, 0)
  console.log(`\n${tests.length} test files, ${assertions} assertions, ${skips} skipped`)
  for (const { name, ms } of steps) console.log(`${seconds(ms)}  ${name}`)
  for (const { file } of tests.filter(({ ok }) => !ok)) console.log(`FAILED: ${file}`)
  for (const { name } of steps.filter(({ ok }) => !ok)) console.log(`FAILED: ${name}`)
}
