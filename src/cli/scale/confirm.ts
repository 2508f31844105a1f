import type pg from 'pg'
import { beginOperation } from '../../database/citus/operations.js'
import type { Io } from '../io.js'
import { escapeLine } from '../output.js'
import { requireConfirmation } from '../prompt.js'
import type { Options } from '../run.js'
import { refusal } from './on-cluster.js'

/** Words of the confirmation of a change that deletes nothing. */
const words = { requirement: () => 'this requires --yes', refusal: 'nothing was changed' }

/**
 * Prints what an operation will do, and begins it if the operator confirms. Returns false for a dry run, which ends there.
 *
 * @throws CommandError if the operator does not confirm, or another command is running
 */
export async function confirmAndBegin(
  plan: string[],
  session: pg.ClientBase,
  { yes, dryRun }: Options,
  io: Io,
): Promise<boolean> {
  for (const line of plan) io.stderr.write(`${escapeLine(line)}\n`)
  if (dryRun) return false
  await requireConfirmation('Go on?', yes, io, words)
  if (!(await beginOperation(session)))
    throw refusal('another latchkey scale command is running on this database')
  return true
}
