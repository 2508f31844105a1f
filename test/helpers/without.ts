import { spawnSync } from 'node:child_process'

/** Returns the reason to skip a test that needs a program, or false if it is installed. */
export function without(program: string): string | false {
  return spawnSync(program, ['--version']).status === 0 ? false : `${program} is not installed`
}
