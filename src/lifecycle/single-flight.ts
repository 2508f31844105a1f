/** Creates a function whose calls with the same key share a promise until it is settled (single flight). */
export function singleFlight<T>(action: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const running = new Map<string, Promise<T>>()
  return function joinOrStart(key) {
    const result = running.get(key) ?? action(key).finally(() => running.delete(key))
    running.set(key, result)
    return result
  }
}
