/** Scripts of the characters that Unicode recommends for identifiers, the most used ones first. */
const scripts =
  'Latn Cyrl Grek Arab Hebr Hani Hira Kana Hang Deva Thai Beng Taml Telu Gujr Knda Mlym Guru Orya Sinh Armn Geor ' +
  'Ethi Khmr Laoo Mymr Tibt Thaa'

/**
 * Sets of scripts that one name may have: a single one, or Latin and an East Asian writing system. That of Bopomofo is left
 * out, as Unicode recommends none of its letters.
 */
const coverings = [...scripts.split(' '), 'Latn Hani Hira Kana', 'Latn Hani Hang']

/** Characters of no script in particular, such as digits and punctuation. */
const shared = /[\p{scx=Zyyy}\p{scx=Zinh}]/gu

/** Patterns of coverings, compiled when they are first needed. */
const patterns = new Map<string, RegExp>()

/** Whether all characters are of one writing system that is in use: the scripts of Highly Restrictive (UTS 39 §5.2). */
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

/** Whether all decimal digits are of one system of numbers (UTS 39 §5.3). */
export function hasOneNumberSystem(text: string): boolean {
  const zeros = [...text]
    .map((character) => Number(character.codePointAt(0)))
    .filter(isDigit)
    .map(zeroOf)
  return new Set(zeros).size <= 1
}

/** Digits stand in unbroken series of ten. */
function zeroOf(code: number): number {
  let first = code
  while (isDigit(first - 1)) first--
  return code - ((code - first) % 10)
}

function isDigit(code: number): boolean {
  return /\p{Nd}/u.test(String.fromCodePoint(code))
}
