import { isObject } from './cases.js'

/** The UTF-8 bytes of a JSON value in which `{"$now": n}` stands for the number `now + n`. */
export function encodeJson(value: unknown, now: number): Buffer {
  return Buffer.from(JSON.stringify(resolveNow(value, now)))
}

function resolveNow(value: unknown, now: number): unknown {
  if (Array.isArray(value)) return value.map((item) => resolveNow(item, now))
  if (!isObject(value)) return value
  const offset = value.$now
  if (typeof offset === 'number') return now + offset
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, resolveNow(member, now)]))
}
