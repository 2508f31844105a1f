/**
 * Waits for a promise until a signal aborts. What the promise stands for goes on.
 *
 * @throws the reason of the signal
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  const { promise: aborted, stop } = rejectionOf(signal)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    stop()
  }
}

/** Returns a promise that is rejected once a signal aborts, and a function that stops listening to the signal. */
function rejectionOf(signal: AbortSignal): { promise: Promise<never>; stop: () => void } {
  let stop = () => {}
  const promise = new Promise<never>((_resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
    stop = () => signal.removeEventListener('abort', abort)
    if (signal.aborted) abort()
  })
  return { promise, stop }
}
