/**
 * Waits for a promise until a signal aborts. What the promise stands for goes on.
 *
 * @throws the reason of the signal
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  const ended = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { signal: ended.signal })
    if (signal.aborted) abort()
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    ended.abort()
  }
}
