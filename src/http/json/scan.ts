import { survivesRoundTrip } from './number.js'

/** Maximum depth of a JSON body: more than any schema accepts, and small enough for recursion. */
export const maxJsonDepth = 32
/** Maximum number of members and elements of a JSON body, in all its objects and arrays together. */
export const maxJsonMembers = 10_000

/** The reason to refuse JSON text whose syntax may be valid. */
export interface JsonProblem {
  type: string
  message: string
}

const problems = {
  depth: { type: 'json_depth', message: `Nested more than ${maxJsonDepth} levels deep` },
  number: { type: 'json_number', message: 'A number would not come back as it was sent' },
  duplicate: { type: 'json_duplicate', message: 'An object has the same name twice' },
  surrogate: { type: 'format', message: 'A string has half a surrogate pair' },
} satisfies Record<string, JsonProblem>

function tooManyMembers(maximum: number): JsonProblem {
  return { type: 'json_members', message: `More than ${maximum} members and elements` }
}

/** An object or array that has been opened, and not closed yet. */
interface Frame {
  /** Names of the members so far. */
  names?: Set<string>
  /** Name of the current member. */
  name?: string
}

const numberToken = /[-+.\deE]+/y
const numberSyntax = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const plainText = /[^"\\]*/y
const whiteSpace = /[ \t\r\n]*/y

/**
 * Finds the first reason to refuse a JSON text, in a single pass without recursion. Run it before `JSON.parse`, to which
 * it leaves most syntax errors.
 *
 * @throws SyntaxError for a malformed string or number, and for a name that could reach a prototype when it is assigned
 */
export function findJsonProblem(text: string, maxMembers = maxJsonMembers): JsonProblem | undefined {
  const open: Frame[] = []
  let members = 0
  let at = 0
  while (at < text.length) {
    const char = text[at] as string
    if (char === '"') {
      const { end, value } = readString(text, at)
      if (!value.isWellFormed()) return problems.surrogate
      at = end + match(whiteSpace, text, end).length
      if (text[at] === ':' && isRepeated(value, open)) return problems.duplicate
    } else if (char === '-' || (char >= '0' && char <= '9')) {
      const token = match(numberToken, text, at)
      if (!numberSyntax.test(token)) throw new SyntaxError('not a number')
      if (!survivesRoundTrip(token)) return problems.number
      at += token.length
    } else {
      const opens = char === '{' || char === '['
      if (opens) open.push({})
      else if (char === '}' || char === ']') open.pop()
      if (open.length > maxJsonDepth) return problems.depth
      if (opens || char === ',') members += 1
      if (members > maxMembers) return tooManyMembers(maxMembers)
      at += 1
    }
  }
  return undefined
}

/** Returns the value of a string, and the position after it. @throws SyntaxError */
function readString(text: string, start: number): { end: number; value: string } {
  let end = start + 1
  let isPlain = true
  for (;;) {
    end += match(plainText, text, end).length
    if (text[end] !== '\\') break
    isPlain = false
    end += 2
  }
  const value = isPlain ? text.slice(start + 1, end) : (JSON.parse(text.slice(start, end + 1)) as string)
  return { end: end + 1, value }
}

/** Returns the text that a sticky pattern matches at a position, or an empty string. */
function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

/** Records the name of a member. Returns whether the object already has it. @throws SyntaxError for a reserved name */
function isRepeated(name: string, open: Frame[]): boolean {
  const frame = open.at(-1) ?? {}
  if (name === '__proto__' || (name === 'prototype' && open.at(-2)?.name === 'constructor'))
    throw new SyntaxError('a reserved name')
  frame.name = name
  frame.names ??= new Set()
  if (frame.names.has(name)) return true
  frame.names.add(name)
  return false
}
