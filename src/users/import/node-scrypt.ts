import { formatScrypt } from '../../passwords/schemes/scrypt.js'
import { type AccountRow, RowProblem, textOf } from './account.js'

/**
 * Conventions for hashes by `scrypt` of node:crypto, which do not state their parameters: Node.js's defaults, and those of
 * Better Auth and Lucia, which normalize the password first.
 */
export const nodeScryptCosts = {
  'node-scrypt': { N: 16_384, r: 8, p: 1, isNormalized: false },
  'better-auth': { N: 16_384, r: 16, p: 1, isNormalized: true },
} as const

/** Name of a convention. */
export type NodeScryptFormat = keyof typeof nodeScryptCosts

/** Salt and key in hexadecimal. A dot stands between key and salt; any other separator between salt and key. */
const formats = [
  /^(?<salt>[\da-f]{8,128})[:$](?<key>[\da-f]{128})$/i,
  /^(?<key>[\da-f]{128})\.(?<salt>[\da-f]{8,128})$/i,
]

/** Returns a row whose hash states its parameters. The salt is the text itself, not the bytes that it encodes. */
export function withNodeScrypt(row: AccountRow, convention: NodeScryptFormat): AccountRow {
  const hash = textOf(row.hashed_password)
  if (!hash) return row
  const parts = formats.map((format) => format.exec(hash)?.groups).find((groups) => groups !== undefined)
  if (!parts) throw new RowProblem(`hashed_password is not ${convention}: salt and key in hexadecimal`)
  const { salt = '', key = '' } = parts
  const { isNormalized, ...costs } = nodeScryptCosts[convention]
  return {
    ...row,
    hashed_password: formatScrypt(costs, Buffer.from(salt), Buffer.from(key, 'hex'), isNormalized),
  }
}
