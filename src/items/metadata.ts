import { InvalidInput } from '../errors.js'
import { isStorable } from '../http/schema.js'

/** The bounds of an item's metadata. */
const maxMetadataBytes = 16_384
const maxMetadataDepth = 16
/**
 * Number of characters that PostgreSQL adds where it writes numbers without their exponents. It adds a space to each
 * comma and colon as well: together that stays below what the table takes, which is 65,536 bytes.
 */
const maxAddedLength = 32_768

/** Refuses metadata that is too large or too deep, or that would come back otherwise than it was sent. @throws InvalidInput */
export function checkMetadata(metadata: unknown): void {
  const problem = findProblem(metadata, maxMetadataDepth)
  if (problem) throw new InvalidInput('body', ['metadata'], 'metadata', problem)
  if (Buffer.byteLength(JSON.stringify(metadata)) > maxMetadataBytes)
    throw new InvalidInput(
      'body',
      ['metadata'],
      'metadata',
      `must be at most ${maxMetadataBytes} bytes of JSON`,
    )
  if (addedLength(metadata) > maxAddedLength)
    throw new InvalidInput('body', ['metadata'], 'metadata', 'must have fewer numbers close to zero')
}

function findProblem(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return findTextProblem(value)
  if (typeof value === 'number') return findNumberProblem(value)
  if (typeof value !== 'object' || value === null) return undefined
  if (depth === 0) return `must be nested at most ${maxMetadataDepth} deep`
  for (const [name, member] of Object.entries(value)) {
    const problem = findTextProblem(name) ?? findProblem(member, depth - 1)
    if (problem) return problem
  }
  return undefined
}

function findTextProblem(text: string): string | undefined {
  return isStorable(text) ? undefined : 'must be text without NUL'
}

/** An integer beyond 2^53 has neighbours that JavaScript cannot hold: see http/json/number.ts for what it rounds. */
function findNumberProblem(value: number): string | undefined {
  const isUnsafe = Number.isInteger(value) && !Number.isSafeInteger(value)
  return isUnsafe ? 'must not have integers beyond 2^53' : undefined
}

/** Number of characters that the numbers of a value take beyond those of their JSON. Those of many digits are refused. */
function addedLength(value: unknown): number {
  if (typeof value === 'number') return Number(String(value).split('e-')[1] ?? 0)
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, member) => sum + addedLength(member), 0)
}
