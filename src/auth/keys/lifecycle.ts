/** What tells the life of a key. */
export interface KeyTimes {
  signsAt: Date
  retiredAt: Date | null
  tokenTtlSeconds: number
}

/** Where a key is in its life: only the newest one whose time has come signs. */
export type KeyState = 'published' | 'signing' | 'verifying' | 'retired'

/** How long before and after the planned time another replica's clock may have a key take over. */
const clockSkewMs = 60_000

/** The state of one key among all keys of the ring. */
export function stateOf<K extends KeyTimes>(key: K, keys: readonly K[], now: Date): KeyState {
  if (key.retiredAt) return 'retired'
  if (key === signingKey(keys, now)) return 'signing'
  return key.signsAt > now ? 'published' : 'verifying'
}

/** The key that signs: the one whose time came last or, where a clock is behind so that none has come, comes first. */
export function signingKey<K extends KeyTimes>(keys: readonly K[], now: Date): K | undefined {
  const live = keys
    .filter(({ retiredAt }) => !retiredAt)
    .sort((one, other) => one.signsAt.getTime() - other.signsAt.getTime())
  return live.findLast(({ signsAt }) => signsAt <= now) ?? live[0]
}

/** Whether the last token that a key can have signed has expired. */
export function isSpent<K extends KeyTimes>(key: K, keys: readonly K[], now: Date): boolean {
  const successors = keys.filter(({ signsAt }) => signsAt > key.signsAt)
  const takenOver = Math.min(...successors.map(({ signsAt }) => signsAt.getTime()))
  return takenOver + key.tokenTtlSeconds * 1000 + clockSkewMs < now.getTime()
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
