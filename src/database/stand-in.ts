/**
 * Returns an object that has the properties of another one, which is opened when a property is first read. Functions are those of the
 * other object: they run on that, whatever inherits from the stand-in.
 *
 * @param open returns the same object each time
 */
export function standIn<T extends object>(open: () => T): T {
  return new Proxy({} as T, {
    get(_target, name) {
      const original = open()
      const value: unknown = Reflect.get(original, name)
      return typeof value === 'function' ? value.bind(original) : value
    },
  })
}
