/** What the entity tag of a status list names. */
export interface ListVersion {
  /** Digest of the bits and the key: see `digestOf`. */
  digest: string
  /** Minute in which the list was signed, since 1970. */
  minute: number
}

/**
 * Maximum age of a copy that a client can keep (minutes). It was signed at most 5 minutes ago, so it is valid for another 5. Without
 * this rule, an unchanged list would be sent again each minute.
 */
const maxCopyMinutes = 4
/** Maximum difference between two replicas at the turn of a minute (minutes). */
const maxSkewMinutes = 1

/**
 * Returns the entity tag of a list. It is the same on all replicas. It is weak, as the signatures of replicas differ, and so do the
 * content codings.
 */
export function toEtag({ digest, minute }: ListVersion): string {
  return `W/"${digest}.${minute}"`
}

/** Returns whether the client with the copy of this entity tag needs no newer one: bits and key are the same, and it is young. */
export function isGoodCopy(etag: string, current: ListVersion): boolean {
  const [, digest, minute] = /^(?:W\/)?"([\w-]{22})\.(\d{1,10})"$/.exec(etag) ?? []
  const age = current.minute - Number(minute)
  return digest === current.digest && age <= maxCopyMinutes && age >= -maxSkewMinutes
}
