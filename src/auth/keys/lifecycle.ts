/** What tells the life of a key. */
export interface KeyTimes {
  signsAt: Date
  retiredAt: Date | null
}

/** Where a key is in its life: only the newest one whose time has come signs. */
export type KeyState = 'published' | 'signing' | 'verifying' | 'retired'

/** The state of one key among all keys of the ring. @param now by the clock of the database, as below */
export function stateOf<K extends KeyTimes>(key: K, keys: readonly K[], now: Date): KeyState {
  if (key.retiredAt) return 'retired'
  if (key === signingKey(keys, now)) return 'signing'
  return key.signsAt > now ? 'published' : 'verifying'
}

/** The key that signs: the one whose time came last or, where none has come, comes first. */
export function signingKey<K extends KeyTimes>(keys: readonly K[], now: Date): K | undefined {
  const live = keys
    .filter(({ retiredAt }) => !retiredAt)
    .sort((one, other) => one.signsAt.getTime() - other.signsAt.getTime())
  return live.findLast(({ signsAt }) => signsAt <= now) ?? live[0]
}

/** When a new key has to be published, or null if that is not yet: a rotation before the signing key is too old. */
export function isRotationDue(
  keys: readonly KeyTimes[],
  { rotationSeconds, leadSeconds }: { rotationSeconds: number; leadSeconds: number },
  now: Date,
): boolean {
  const newest = Math.max(
    ...keys.filter(({ retiredAt }) => !retiredAt).map(({ signsAt }) => signsAt.getTime()),
  )
  return newest + (rotationSeconds - leadSeconds) * 1000 <= now.getTime()
}
