/** Minimum length of a name whose misspellings may differ from it in two characters. */
const longName = 10
/** Minimum length of an abbreviation. */
const minAbbreviation = 3

/** Returns the candidate that a name misspells: they differ in one character or, if the candidate is long, in two. */
export function findMisspelt<Name extends string>(
  name: string,
  candidates: readonly Name[],
): Name | undefined {
  return findNearest(name, candidates, ({ length }) => (length < longName ? 1 : 2))
}

/** Returns the candidate that a name abbreviates, or else the nearest, which differs in at most two fifths of its characters. */
export function findSimilar<Name extends string>(
  name: string,
  candidates: readonly Name[],
): Name | undefined {
  const extended = candidates.find(
    (candidate) => name.length >= minAbbreviation && candidate.startsWith(name),
  )
  return extended ?? findNearest(name, candidates, ({ length }) => Math.floor(length * 0.4))
}

function findNearest<Name extends string>(
  name: string,
  candidates: readonly Name[],
  maxDistanceOf: (candidate: Name) => number,
): Name | undefined {
  let nearest: { candidate: Name; distance: number } | undefined
  for (const candidate of candidates) {
    const maxDistance = maxDistanceOf(candidate)
    // Names come from outside and can have any length, so only those that can be near are compared.
    if (Math.abs(name.length - candidate.length) > maxDistance) continue
    const distance = distanceBetween(name, candidate)
    if (distance <= maxDistance && distance < (nearest?.distance ?? Number.POSITIVE_INFINITY))
      nearest = { candidate, distance }
  }
  return nearest?.candidate
}

/**
 * Returns the number of characters to insert, delete, replace or swap with their neighbour in order to turn one text into
 * another (optimal string alignment distance).
 */
export function distanceBetween(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current[column] = Math.min(
        at(current, column - 1) + 1,
        at(last, column) + 1,
        at(last, column - 1) + Number(!isSame),
        isSwapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

function at(distances: number[], column: number): number {
  return distances[column] as number
}
