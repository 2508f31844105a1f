import { isStorable } from '../database/storable.js'
import { InvalidInput } from '../errors.js'

/** Maximum size of an item's metadata (bytes of JSON). */
const maxMetadataBytes = 16_384
/** Maximum depth of an item's metadata. */
const maxMetadataDepth = 16
/**
 * Maximum number of characters that PostgreSQL may add by writing numbers without exponents. It also adds a space after
 * each comma and colon; altogether the text stays below the 65,536 bytes that the table accepts.
 */
const maxAddedLength = 32_768

/** Refuses metadata that is too large, too deep, or would not come back as it was sent. @throws InvalidInput */
export function checkMetadata(metadata: unknown): void {
  const problem = findProblem(metadata, maxMetadataDepth)
  if (problem) throw invalidMetadata(problem)
  if (Buffer.byteLength(JSON.stringify(metadata)) > maxMetadataBytes)
    throw invalidMetadata(`must be at most ${maxMetadataBytes} bytes of JSON`)
  if (addedLength(metadata) > maxAddedLength)
    throw invalidMetadata('must have fewer numbers that are very large or close to zero')
}

function invalidMetadata(message: string): InvalidInput {
  return new InvalidInput('body', ['metadata'], 'metadata', message)
}

function findProblem(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return findTextProblem(value)
  if (typeof value !== 'object' || value === null) return undefined
  if (depth === 0) return `must be nested at most ${maxMetadataDepth} levels deep`
  for (const [name, member] of Object.entries(value)) {
    const problem = findTextProblem(name) ?? findProblem(member, depth - 1)
    if (problem) return problem
  }
  return undefined
}

function findTextProblem(text: string): string | undefined {
  return isStorable(text) ? undefined : 'must be text without NUL'
}

/** Returns the number of characters that numbers with an exponent take in PostgreSQL beyond those of their JSON, at most. */
function addedLength(value: unknown): number {
  if (typeof value === 'number') return Math.abs(Number(String(value).split('e')[1] ?? 0))
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, member) => sum + addedLength(member), 0)
}
