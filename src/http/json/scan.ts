import { survivesRoundTrip } from './number.js'

/** Maximum depth of a JSON body: more than any schema of ours takes, and little enough to recurse over. */
export const maxJsonDepth = 32
/** Maximum number of members and elements of a JSON body, in all its objects and arrays together. */
export const maxJsonMembers = 10_000

/** The reason why a JSON text is refused, though its syntax may be right. */
export interface JsonProblem {
  type: string
  message: string
}

const problems = {
  depth: { type: 'json_depth', message: `Nested more than ${maxJsonDepth} deep` },
  members: { type: 'json_members', message: `More than ${maxJsonMembers} members and elements` },
  number: { type: 'json_number', message: 'A number would not come back as it was sent' },
  duplicate: { type: 'json_duplicate', message: 'A name is repeated in one object' },
  surrogate: { type: 'format', message: 'A text has half a surrogate pair' },
} satisfies Record<string, JsonProblem>

/** An object or array that is open at some place of the text. */
interface Frame {
  /** Names of its members so far. */
  names?: Set<string>
  /** Name of the member that is being read. */
  name?: string
}

const numberToken = /[-+.\deE]+/y
const numberSyntax = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const plainText = /[^"\\]*/y
const white = /[ \t\r\n]*/y

/**
 * Finds what a JSON text may not have, in one pass that does not recurse, before anything else looks at it. Most errors
 * of syntax are left to `JSON.parse`.
 *
 * @throws SyntaxError for a string or number that is not JSON, and for a name by which an assignment reaches a prototype
 */
export function findJsonProblem(text: string): JsonProblem | undefined {
  const open: Frame[] = []
  let members = 0
  let at = 0
  while (at < text.length) {
    const char = text[at] as string
    if (char === '"') {
      const { end, value } = readString(text, at)
      if (!value.isWellFormed()) return problems.surrogate
      at = end + match(white, text, end).length
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
      if (members > maxJsonMembers) return problems.members
      at += 1
    }
  }
  return undefined
}

/** A string without its quotes and escapes, and where it ends. @throws SyntaxError */
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

/** The text that a sticky pattern matches here, or none. */
function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

/** Enters the name of a member. Whether the object has it already. @throws SyntaxError for a reserved name */
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
