/** Scripts of the characters that Unicode recommends for identifiers, roughly by how much they are used. */
const scripts =
  'Latn Cyrl Grek Arab Hebr Hani Hira Kana Hang Deva Thai Beng Taml Telu Gujr Knda Mlym Guru Orya Sinh Armn Geor ' +
  'Ethi Khmr Laoo Mymr Tibt Thaa'

/**
 * Sets of scripts that one username may use: a single script, or Latin with an East Asian writing system. The set with
 * Bopomofo is left out, as Unicode recommends none of its letters.
 */
const coverings = [...scripts.split(' '), 'Latn Hani Hira Kana', 'Latn Hani Hang']

/** Matches characters that belong to no particular script, such as digits and punctuation. */
const shared = /[\p{scx=Zyyy}\p{scx=Zinh}]/gu

/** Patterns of the sets above, compiled on first use. */
const patterns = new Map<string, RegExp>()

/** Returns whether all characters belong to one of the writing systems that Highly Restrictive allows (UTS 39 §5.2). */
export function isOfOneWritingSystem(text: string): boolean {
  const letters = text.replace(shared, '')
  return letters === '' || coverings.some((covering) => patternOf(covering).test(letters))
}

function patternOf(covering: string): RegExp {
  const known = patterns.get(covering)
  if (known) return known
  const classes = covering.split(' ').map((script) => `\\p{scx=${script}}`)
  const pattern = new RegExp(`^[${classes.join('')}]+$`, 'u')
  patterns.set(covering, pattern)
  return pattern
}

/** Returns whether all decimal digits belong to one number system (UTS 39 §5.3). */
export function hasOneNumberSystem(text: string): boolean {
  const zeros = [...text]
    .map((character) => Number(character.codePointAt(0)))
    .filter(isDigit)
    .map(zeroOf)
  return new Set(zeros).size <= 1
}

/**
 * Returns the zero of a digit's number system. Unicode encodes the digits of a system as ten contiguous code points.
 */
function zeroOf(code: number): number {
  let first = code
  while (isDigit(first - 1)) first--
  return code - ((code - first) % 10)
}

function isDigit(code: number): boolean {
  return /\p{Nd}/u.test(String.fromCodePoint(code))
}
