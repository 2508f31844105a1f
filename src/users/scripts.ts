/** Scripts of Unicode 16, which all supported versions of Node.js know, the most used ones first. */
const scripts =
  'Latn Cyrl Grek Arab Hebr Hani Hira Kana Hang Deva Thai Beng Taml Telu Gujr Knda Mlym Guru Sinh Armn Geor ' +
  'Ethi Khmr Laoo Mymr Tibt Mong Bopo Adlm Aghb Ahom Armi Avst Bali Bamu Bass Batk Bhks Brah Brai Bugi Buhd Cakm ' +
  'Cans Cari Cham Cher Chrs Copt Cpmn Cprt Diak Dogr Dsrt Dupl Egyp Elba Elym Gara Glag Gong Gonm Goth Gran Gukh ' +
  'Hano Hatr Hluw Hmng Hmnp Hung Ital Java Kali Kawi Khar Khoj Kits Krai Kthi Lana Lepc Limb Lina Linb Lisu Lyci ' +
  'Lydi Mahj Maka Mand Mani Marc Medf Mend Merc Mero Modi Mroo Mtei Mult Nagm Nand Narb Nbat Newa Nkoo Nshu Ogam ' +
  'Olck Onao Orkh Orya Osge Osma Ougr Palm Pauc Perm Phag Phli Phlp Phnx Plrd Prti Rjng Rohg Runr Samr Sarb Saur ' +
  'Sgnw Shaw Shrd Sidd Sind Sogd Sogo Sora Soyo Sund Sunu Sylo Syrc Tagb Takr Tale Talu Tang Tavt Tfng Tglg Thaa ' +
  'Tirh Tnsa Todr Toto Tutg Ugar Vaii Vith Wara Wcho Xpeo Xsux Yezi Yiii Zanb'

/** Sets of scripts that one name may have: a single one, or Latin and an East Asian writing system. */
const coverings = [...scripts.split(' '), 'Latn Hani Hira Kana', 'Latn Hani Bopo', 'Latn Hani Hang']

/** Characters of no script in particular, such as digits and punctuation. */
const shared = /[\p{scx=Zyyy}\p{scx=Zinh}]/gu

/** Patterns of coverings, compiled when they are first needed. */
const patterns = new Map<string, RegExp>()

/** Whether all characters are of one writing system: Highly Restrictive (UTS 39 §5.2), for all scripts there are. */
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
