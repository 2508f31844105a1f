import { spawnSync } from 'node:child_process'
import { withShippedPackages } from './lib/shipped-packages.js'

// Asks the registry for known vulnerabilities of what is shipped, and fails if one is high or critical: npm run audit:shipped
//
// If the registry cannot be asked, it says so and succeeds: that is not a fault of the packages.

/**
 * @typedef {{ title: string, url: string, severity: string, range: string }} Advisory
 * @typedef {{ name: string, severity: string, via: (Advisory | string)[] }} Vulnerability
 */

const severe = ['high', 'critical']

const { stdout, stderr } = await withShippedPackages((cwd) =>
  spawnSync('npm', ['audit', '--package-lock-only', '--json', '--fetch-retries=0'], {
    cwd,
    encoding: 'utf8',
  }),
)
const { vulnerabilities, metadata, message } = parseReport(stdout)
if (vulnerabilities) report(Object.values(vulnerabilities), metadata.dependencies.total)
else console.error(`notice: nothing was audited, as the registry gave no answer: ${message ?? stderr.trim()}`)

/**
 * @param {Vulnerability[]} vulnerable
 * @param {number} total number of shipped packages
 */
function report(vulnerable, total) {
  for (const { name, severity, via } of vulnerable)
    console.log(`${severity} ${name}: ${via.map(describe).join(', ')}`)
  const failing = vulnerable.filter(({ severity }) => severe.includes(severity))
  console.log(
    `${vulnerable.length} of ${total} shipped packages have known vulnerabilities, ${failing.length} of them severe.`,
  )
  if (failing.length > 0) process.exitCode = 1
}

/** @param {Advisory | string} cause an advisory, or the name of a package that has one */
function describe(cause) {
  return typeof cause === 'string' ? `depends on ${cause}` : `${cause.title} (${cause.range}) ${cause.url}`
}

/** @param {string} text what npm printed: a report, or the error of the request for it */
function parseReport(text) {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
