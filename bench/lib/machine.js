import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { readAutogroup } from './autogroup.js'
import { loadGenerator } from './load.js'

const require = createRequire(import.meta.url)

/** Describes the machine and the versions of the programs involved. @param {import('pg').Client} sql */
export async function describeMachine(sql) {
  const { rows } = await sql.query('SHOW server_version')
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    'memory, GB': Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    autogroup: readAutogroup(),
    node: process.version,
    postgresql: rows[0].server_version,
    'load generator': await describeGenerator(),
  }
}

/** Returns the abbreviated commit, with `-dirty` if files differ from it, or `no-commit` outside a repository. */
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

/** Returns the version of wrk, which prints it together with a usage error. */
function wrkVersion() {
  try {
    return execFileSync('wrk', ['--version'], { encoding: 'utf8' })
  } catch (error) {
    const { stdout } = /** @type {{ stdout: string }} */ (error)
    return /wrk (\S+)/.exec(stdout)?.[1] ?? ''
  }
}
