import { confusables } from './confusables.js'

/** Prototypes by the characters that look like them; built by the first look-up, as a start needs none. */
let prototypes: Map<string, string> | undefined

/**
 * Returns a text with each character replaced by the prototype of those that look like it (UTS 39 §4): two texts whose
 * skeletons are equal look alike. Characters of different directions are not reordered: names mix no such scripts.
 */
export function skeleton(text: string): string {
  prototypes ??= readPrototypes()
  let result = ''
  for (const character of text.normalize('NFD'))
    if (!invisible.test(character)) result += prototypes.get(character) ?? character
  return result.normalize('NFD').replace(marksOfDotted, (marked) => marked.replaceAll(dotAbove, ''))
}

/** Characters that are not shown. */
export const invisible = /\p{Default_Ignorable_Code_Point}/u

/** A dot above a letter that has one already does not show. */
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
