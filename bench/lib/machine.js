import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { loadGenerator } from './load.js'

const require = createRequire(import.meta.url)

/** What the figures were measured on. @param {import('pg').Client} sql */
export async function describeMachine(sql) {
  const { rows } = await sql.query('SHOW server_version')
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    'memory, GB': Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    postgresql: rows[0].server_version,
    'load generator': await describeGenerator(),
  }
}

/** The short name of the commit that is checked out, and whether something was changed since; of a copy there is none. */
export function currentCommit() {
  const args = ['describe', '--always', '--exclude', '*', '--dirty']
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return 'no-commit'
  }
}

async function describeGenerator() {
  const { name } = await loadGenerator()
  return name === 'wrk' ? `wrk ${wrkVersion()}` : `autocannon ${require('autocannon/package.json').version}`
}

/** wrk tells its version and then that it was used wrongly. */
function wrkVersion() {
  try {
    return execFileSync('wrk', ['--version'], { encoding: 'utf8' })
  } catch (error) {
    const { stdout } = /** @type {{ stdout: string }} */ (error)
    return /wrk (\S+)/.exec(stdout)?.[1] ?? ''
  }
}
