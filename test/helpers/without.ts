import { spawnSync } from 'node:child_process'

/** Returns the reason to skip a test that needs a program, or false if it is installed. @param argument with which it ends at once */
export function without(program: string, argument = '--version'): string | false {
  return spawnSync(program, [argument]).status === 0 ? false : `${program} is not installed`
}
