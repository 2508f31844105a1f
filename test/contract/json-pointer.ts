import { isObject } from './cases.js'

interface Found {
  value: unknown
}

const MOST_REFERENCES = 50

/** Looks up an RFC 6901 pointer, following local `$ref`s on the way and at the end. */
export function lookUp(document: unknown, pointer: string): Found | undefined {
  return walk(document, pointer, { left: MOST_REFERENCES })
}

function walk(document: unknown, pointer: string, references: { left: number }): Found | undefined {
  if (pointer !== '' && !pointer.startsWith('/')) return undefined
  let found: Found | undefined = { value: document }
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
    found = member(found, name) ?? member(follow(document, found, references), name)
  }
  return follow(document, found, references)
}

function member(parent: Found | undefined, name: string): Found | undefined {
  const value = parent?.value
  if (Array.isArray(value)) {
    const isIndex = /^(?:0|[1-9]\d*)$/.test(name) && Number(name) < value.length
    return isIndex ? { value: value[Number(name)] } : undefined
  }
  return isObject(value) && Object.hasOwn(value, name) ? { value: value[name] } : undefined
}

function follow(
  document: unknown,
  found: Found | undefined,
  references: { left: number },
): Found | undefined {
  const reference = isObject(found?.value) ? found.value.$ref : undefined
  if (typeof reference !== 'string' || !reference.startsWith('#')) return found
  references.left -= 1
  return references.left < 0 ? undefined : walk(document, decodeURIComponent(reference.slice(1)), references)
}
