/** Makes a function that does something once: whoever calls it waits for that, and after a failure it is tried again. */
export function retryableOnce<T>(action: () => Promise<T>): () => Promise<T> {
  let doing: Promise<T> | undefined
  return function doOnce() {
    doing ??= action().catch((error) => {
      doing = undefined
      throw error
    })
    return doing
  }
}
