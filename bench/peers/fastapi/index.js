import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findFreePort } from '#dist/src/database/embedded/port.js'
import { run, silent, start } from '../../lib/children.js'
import { startFleet } from '../../lib/fleet.js'
import { NotAvailable } from '../../lib/not-available.js'
import { waitForResponse } from '../../lib/service.js'
import { installPeer } from '../install.js'

// The service that the FastAPI tutorial ends with, "OAuth2 with Password (and hashing), Bearer with JWT tokens". The source
// package of FastAPI contains it.

const source = join(import.meta.dirname, 'project')
const tutorial = 'docs_src/security/tutorial004.py'
/** Fails where Python is too old for the tutorial, or cannot create virtual environments. */
const check =
  'import platform, sys, venv; assert sys.version_info >= (3, 11); print(platform.python_version())'

/**
 * Starts processes of the tutorial's service, as uvicorn starts them by default with its faster event loop and parser.
 *
 * @param {number} count
 * @throws {NotAvailable} without Python 3.11, or without a network for the first installation
 */
export async function startFastapi(count) {
  const folder = await installPeer('fastapi', source, pythonVersion(), install)
  return startFleet(count, async () => {
    const port = await findFreePort()
    const options = ['--loop', 'uvloop', '--http', 'httptools', '--host', '127.0.0.1', '--port', String(port)]
    const { child } = start(pythonIn(folder), ['-m', 'uvicorn', 'service:app', ...options], {
      cwd: folder,
      ...silent,
    })
    await waitForResponse(port, '/openapi.json', child)
    return { url: `http://127.0.0.1:${port}`, pid: Number(child.pid) }
  })
}

function pythonVersion() {
  try {
    return execFileSync('python3', ['-c', check], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch (error) {
    throw new NotAvailable('Python 3.11 or later with venv is not installed', { cause: error })
  }
}

/** @param {string} folder */
async function install(folder) {
  const pip = [pythonIn(folder), '-m', 'pip', '--quiet', '--disable-pip-version-check']
  const fastapi = await pinnedFastapi(folder)
  await run('python3', ['-m', 'venv', join(folder, 'environment')])
  await execute([...pip, 'install', '--requirement', join(folder, 'requirements.txt')])
  await execute([...pip, 'download', '--no-deps', '--no-binary', 'fastapi', '--dest', folder, fastapi])
  const name = fastapi.replace('==', '-')
  await run('tar', [
    '-xzf',
    join(folder, `${name}.tar.gz`),
    '-C',
    folder,
    '--strip-components=3',
    `${name}/${tutorial}`,
  ])
}

/** @param {string} folder */
async function pinnedFastapi(folder) {
  const requirements = await readFile(join(folder, 'requirements.txt'), 'utf8')
  const found = requirements.split('\n').find((line) => line.startsWith('fastapi=='))
  if (!found) throw new Error('requirements.txt does not pin fastapi')
  return found
}

/** @param {string} folder */
function pythonIn(folder) {
  return join(folder, 'environment/bin/python')
}

/** @param {string[]} command */
async function execute([program = '', ...args]) {
  return run(program, args)
}
