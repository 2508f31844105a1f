import { CommandError, exitStatus } from './command-error.js'

/** Returns the value of `--limit`. @throws CommandError if it is not an integer from 1 to 9999 */
export function readLimit(limit: unknown): number {
  if (!/^[1-9]\d{0,3}$/.test(String(limit)))
    throw new CommandError(exitStatus.usage, 'a limit must be an integer from 1 to 9999')
  return Number(limit)
}
