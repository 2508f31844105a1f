import { confusables } from './confusables.js'

/** Prototypes by the characters that look like them. Parsed on first use, so that it does not slow down the start. */
let prototypes: Map<string, string> | undefined

/**
 * Returns the skeleton of a text: each character is replaced by the prototype of those that look like it (UTS 39 §4).
 * Two texts with the same skeleton look alike. Bidirectional reordering is left out, as a username cannot mix such
 * scripts.
 */
export function skeleton(text: string): string {
  prototypes ??= readPrototypes()
  let result = ''
  for (const character of text.normalize('NFD'))
    if (!invisible.test(character)) result += prototypes.get(character) ?? character
  return result.normalize('NFD').replace(marksOfDotted, (marked) => marked.replaceAll(dotAbove, ''))
}

/** Matches characters that are not displayed. */
export const invisible = /\p{Default_Ignorable_Code_Point}/u

/** Combining dot, which is not visible above a letter that has a dot already. */
const dotAbove = '\u0307'
const marksOfDotted = /[ij]\p{M}+/gu

function readPrototypes(): Map<string, string> {
  const read = new Map<string, string>()
  for (const group of confusables.trim().split(/\s+/)) {
    const [prototype = '', sources = ''] = group.split('=')
    for (const source of sources.split(',')) read.set(fromHex(source), fromHex(prototype))
  }
  return read
}

/** @param codePoints in hexadecimal, joined by `+` */
function fromHex(codePoints: string): string {
  return String.fromCodePoint(...codePoints.split('+').map((hex) => Number.parseInt(hex, 16)))
}
