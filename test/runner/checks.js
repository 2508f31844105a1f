import { readFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { startGroup } from './process-group.js'

/**
 * @typedef {object} CheckResult
 * @property {string} command
 * @property {boolean} ok
 * @property {string} output
 * @property {number} ms
 */

/** Returns the commands of `npm run lint` and `npm run types`. */
export function listChecks() {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  return [scripts.types, scripts.lint].flatMap((/** @type {string} */ script) => script.split(' && '))
}

/**
 * @param {string} command
 * @returns {Promise<CheckResult>}
 */
export async function runCheck(command) {
  const beganAt = performance.now()
  const { child, ended } = startGroup('/bin/sh', ['-c', command], {
    env: { ...process.env, PATH: `node_modules/.bin${delimiter}${process.env.PATH}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  const { status } = await ended
  return { command, ok: status === 0, output, ms: performance.now() - beganAt }
}
