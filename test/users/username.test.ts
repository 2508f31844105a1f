import t from 'tap'
import { fitsSecurityProfile } from '../../src/users/names/security-profile.js'
import { skeleton } from '../../src/users/names/skeleton.js'
import { findUsernameProblem, usernameSyntax } from '../../src/users/names/username.js'
import { lookAlike, usernameKeys } from '../../src/users/names/username-keys.js'
import { fc } from '../helpers/properties.js'

const syntax = new RegExp(usernameSyntax, 'u')

t.test('usernames of every script in use are accepted', async (t) => {
  for (const name of [
    'johndoe',
    'user10',
    'José',
    'Ольга',
    '田中さん',
    'علي',
    'a.b_c-d',
    '7seas',
    '123',
    'Ольга-1',
    'ọ̀ṣun',
    '田中taro',
    'たなかtaro',
    '김철수',
    'Kim김철수',
    '٣علي',
    'Αλέξανδρος',
    'नरेन्द्र',
    'สมชาย',
  ]) {
    t.match(name, syntax)
    t.equal(findUsernameProblem(name), undefined, name)
  }
})

t.test('usernames that are reserved, invisible or confusable are refused', async (t) => {
  const names = [
    '.dot',
    '-a',
    '_b',
    'a_',
    'a.',
    'a-',
    'a b',
    'a/b',
    'a:b',
    'client:x',
    'a\0b',
    'a\u200bb',
    '😀',
    'a@b',
    '\ud800a',
    '',
    '.',
    '..',
    'a\u001bb',
    'a\u202eb',
    'a\u2028b',
  ]
  for (const name of names) t.notMatch(name, syntax, Buffer.from(name, 'utf16le').toString('hex'))
  for (const [name, problem] of [
    ...['me', 'Admin', 'ROOT', 'SUPPORT', 'арі'].map((name) => [name, 'is reserved']),
    ...['e\u0301va', 'ﬁona', '１２３'].map((name) => [name, /normalization form C/]),
    ...['abc\u3164', 'abc\u115f'].map((name) => [name, /normalization|invisible/]),
    ...['аdmin', 'TОM', 'ADМIN', 'RООТ', 'АDМINISТRАТОR', 'SUРРОRТ', 'ТОМНАNКЅ', 'bоЬ', 'тhor'].map(
      (name) => [name, 'must not mix scripts'],
    ),
    ...['κate', 'νίvian', 'Ольга田', 'たなкa', '김たな', 'aعb'].map((name) => [name, 'must not mix scripts']),
    ...['a1١', '१2', 'علي٣۳'].map((name) => [name, /mix/]),
  ] as [string, string | RegExp][])
    t.match(findUsernameProblem(name) ?? 'none', problem, name)
})

t.test('characters that Unicode restricts are refused', async (t) => {
  for (const [type, ...names] of [
    ['technical', 'ㄅㄆㄇ田a', 'ʝose', 'ꭓena', 'ꞌalice', 'ɑlice', 'ɡeorge', 'jᴏhn', 'ˈadam'],
    ['obsolete', 'ƅob', 'Ƅob', 'ƿill', 'ƽ00', 'ſam', 'ԁave'],
    ['of uncommon use', 'ǃadam', 'ȷohn', 'toṁ', 'Ἀλέξανδρος', '㐀㐁㐂'],
    ['of a script in limited use', 'ᏣᎳᎩ', 'Ꮒello', 'ꮋꭺꮮ', 'ᑲob', 'ᑭᑭᑭ', 'ꓐꓳꓐ', 'ⴰⵣⵓⵍ'],
    ['of a script out of use', 'Ⲓain', 'ⲟⲟⲟ', '𐐬𐐬𐐬', '𐌏𐌏𐌏', 'ᚠᚢᚦ'],
    ['a mark', 'a\u0334bc', 'a\u033fbc', 'a\u0489bc', 'a\u0329bc'],
  ] as const)
    for (const name of names) {
      t.match(name, syntax, `${name} has letters, digits and marks`)
      t.match(
        findUsernameProblem(name) ?? 'none',
        /^must have only characters that Unicode recommends for identifiers$|normalization form C/,
        `${name}: ${type}`,
      )
    }
})

t.test('the table of characters is complete', async (t) => {
  const codes = Array.from({ length: 0x110000 }, (_, code) => code)
  t.equal(codes.filter((code) => fitsSecurityProfile(String.fromCodePoint(code))).length, 33_791)
  t.notOk(fitsSecurityProfile(`${'a'.repeat(100_000)}ʝ`))
})

t.test('usernames that look alike share a key', async (t) => {
  for (const [one, other] of [
    ['johndoe', 'JohnDoe'],
    ['johndoe', 'jоhndoe'],
    ['johndoe', 'johndοe'],
    ['strasse', 'Straße'],
    ['alice', 'аlісе'],
    ['TOMHANKS', 'ТОМНАNКЅ'],
    ['tomhanks', 'ТОМНАNКЅ'],
    ['admin', 'ADМIN'],
    ['root', 'RООТ'],
    ['support', 'SUРРОRТ'],
    ['ella', 'еӏӏа'],
    ['ELLA', 'еӏӏа'],
    ['io', 'ІО'],
    ['iIl', 'ІіІ'],
    ['admin', 'ADМIn'],
    ['lo', 'ІО'],
    ['bob', 'bоЬ'],
    ['bob', 'ƄoƄ'],
    ['Bob', 'ƄoƄ'],
    ['hello', 'Ꮒello'],
    ['dave', 'Ꮷave'],
    ['lain', 'Ⲓain'],
    ['bob', 'ᑲob'],
    ['jane', 'j\u0307ane'],
    ['iris', 'i\u0307ris'],
    ['ịris', 'i\u0323\u0307ris'],
    ['rnike', 'ⅿike'],
    ['ТОР', 'top'],
    ['тор', 'ТОР'],
    ['οδος', 'ΟΔΟΣ'],
    ['α', 'а'],
  ] as const)
    t.ok(lookAlike(one, other), `${one} and ${other}`)
  for (const [one, other] of [
    ['user10', 'userlo'],
    ['modern', 'modem'],
    ['Ilona', 'llona'],
    ['анна', 'анка'],
    ['Ольга', 'Олена'],
    ['田中', '田申'],
  ] as const)
    t.notOk(lookAlike(one, other), `${one} and ${other}`)
})

t.test('a username shares a key with its case-folded form, its decomposition and its skeleton', async () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(name, (text) => {
      const folded = text.toUpperCase().toLowerCase()
      const looks = new Set(usernameKeys(text).looks)
      const isShared = (other: string) => usernameKeys(other).looks.some((look) => looks.has(look))
      return isShared(folded) && isShared(text.normalize('NFD')) && isShared(skeleton(text))
    }),
    { numRuns: 500 },
  )
})
