import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Issuer, startIssuer } from './issuer.js'
import { createTokens, type Judged } from './tokens.js'

/** A folder with a program that judges the table of tokens. */
export interface Court {
  issuer: Issuer
  folder: string
  /** Path of the table, as JSON. */
  table: string
  tokens: Judged[]
}

/** Starts an issuer, and copies a program to a folder where recipes can be added to it. */
export async function prepareCourt(t: Test, program: string): Promise<Court> {
  const issuer = await startIssuer(t)
  const tokens = createTokens(issuer)
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-verifiers-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await cp(program, folder, { recursive: true })
  const table = join(folder, 'table.json')
  await writeFile(table, JSON.stringify({ issuer: issuer.origin, tokens }))
  return { issuer, folder, table, tokens }
}

/**
 * Checks that each token was judged as the table says.
 *
 * @param subjects subjects of the tokens that were accepted, in the order of the table, and null for each that was refused
 */
export function checkVerdicts(t: Test, { tokens }: Pick<Court, 'tokens'>, subjects: (string | null)[]): void {
  t.equal(subjects.length, tokens.length)
  t.ok(tokens.filter(({ subject }) => subject !== null).length >= 8, 'there are tokens to accept')
  for (const [index, { name, subject }] of tokens.entries()) t.equal(subjects[index], subject, name)
}
