/**
 * Creates a function that performs an action once. Calls during the action share its promise (single flight), and a call
 * after a failure tries again.
 */
export function retryableOnce<T>(action: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return function performOnce() {
    result ??= action().catch((error) => {
      result = undefined
      throw error
    })
    return result
  }
}
