/** Time after which a step is announced (milliseconds). */
const announceAfterMs = 1_000

/** Waits for a step, and announces it if it takes long, so that the process does not seem to hang. */
export async function announceIfSlow<T>(announce: () => void, step: Promise<T>): Promise<T> {
  const announcement = setTimeout(announce, announceAfterMs)
  try {
    return await step
  } finally {
    clearTimeout(announcement)
  }
}
