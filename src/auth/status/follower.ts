/** Follows rows that change: they are read when somebody asks for their state, and only if they have changed. */
export interface Follower {
  /** Notes that rows have changed. */
  announce(): void
  /** Resolves when every change that was announced before the call has been read. */
  catchUp(): Promise<void>
}

/**
 * Creates a follower that has read nothing yet. Calls during a read share it (single flight), unless a change was announced after it
 * had begun. A read that fails is tried again by the next call.
 */
export function createFollower(read: () => Promise<void>): Follower {
  let announced = 1
  let applied = 0
  let reading: Promise<void> | undefined

  async function readAnnounced(): Promise<void> {
    const announcedBefore = announced
    await read()
    applied = announcedBefore
  }

  function readOnce(): Promise<void> {
    reading ??= readAnnounced().finally(() => {
      reading = undefined
    })
    return reading
  }

  return {
    announce() {
      announced += 1
    },
    async catchUp() {
      const needed = announced
      while (applied < needed) await readOnce()
    },
  }
}
