import { allowedCharacters } from './allowed-characters.js'

/** Compiled on first use, so that it does not slow down the start. */
let profile: RegExp | undefined

/**
 * Returns whether Unicode recommends all characters of a text for identifiers, that is, whether they belong to the
 * General Security Profile (UTS 39 §3.1). It excludes characters that are historic, technical or uncommon, and those of
 * scripts in limited use.
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
