import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type Journey, runIn } from '../generated-client.js'

const check = 'import sys, venv; sys.exit(sys.version_info < (3, 11))'

/** Reason to skip the tests that need Python, or false. */
export const skip =
  spawnSync('python3', ['-c', check]).status !== 0 && 'Python 3.11 or later with venv is not installed'

/** Installs what `requirements.txt` in the folder names, and returns the folder of the programs. */
export async function createVirtualEnvironment(journey: Pick<Journey, 'folder'>): Promise<string> {
  await runIn(journey, 'python3', ['-m', 'venv', 'environment'])
  const bin = join(journey.folder, 'environment/bin')
  await runIn(journey, join(bin, 'pip'), ['install', '--quiet', '--requirement', 'requirements.txt'])
  return bin
}
