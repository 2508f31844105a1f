/** Times that decide the state of a key. */
export interface KeyTimes {
  signsAt: Date
  retiredAt: Date | null
}

/** State of a key: `published` before its signing time, `verifying` once a later key signs. */
export type KeyState = 'published' | 'signing' | 'verifying' | 'retired'

/** Returns the state of one key among all keys of the ring. @param now time by the clock of the database */
export function stateOf<K extends KeyTimes>(key: K, keys: readonly K[], now: Date): KeyState {
  if (key.retiredAt) return 'retired'
  if (key === signingKey(keys, now)) return 'signing'
  return key.signsAt > now ? 'published' : 'verifying'
}

/**
 * Returns the key that signs: the live key with the latest signing time in the past. If no signing time has been
 * reached, it is the key with the earliest one.
 *
 * @param now time by the clock of the database
 */
export function signingKey<K extends KeyTimes>(keys: readonly K[], now: Date): K | undefined {
  const live = keys
    .filter(({ retiredAt }) => !retiredAt)
    .sort((one, other) => one.signsAt.getTime() - other.signsAt.getTime())
  return live.findLast(({ signsAt }) => signsAt <= now) ?? live[0]
}

/**
 * Returns whether the next key has to be published now, so that it can take over when the newest key is `rotationSeconds` old.
 *
 * @param now time by the clock of the database
 */
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
