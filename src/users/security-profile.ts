import { allowedCharacters } from './allowed-characters.js'

/** Built by the first look-up, as a start needs none. */
let profile: RegExp | undefined

/**
 * Whether Unicode recommends all characters for identifiers: the General Security Profile (UTS 39 §3.1). Characters that are
 * historic, technical, uncommon, or of a script in limited use are outside of it.
 */
export function fitsSecurityProfile(text: string): boolean {
  profile ??= readProfile()
  return profile.test(text)
}

function readProfile(): RegExp {
  const ranges = allowedCharacters.trim().split(/\s+/)
  return new RegExp(`^[${ranges.map(toClass).join('')}]*$`, 'u')
}

/** @param range in hexadecimal: one code point, or two joined by `-` */
function toClass(range: string): string {
  return range.replace(/[\da-f]+/g, '\\u{$&}')
}
