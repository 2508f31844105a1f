import fc from 'fast-check'
import t from 'tap'
import { skeleton } from '../../src/users/skeleton.js'
import { findUsernameProblem, lookAlike, usernameKeys, usernameSyntax } from '../../src/users/username.js'

const syntax = new RegExp(usernameSyntax, 'u')

t.test('names of any script are taken', async (t) => {
  for (const name of [
    ...['johndoe', 'user10', 'José', 'Ольга', '田中さん', 'علي', 'a.b_c-d', '7seas', '123', 'ᏣᎳᎩ', 'Ольга-1'],
    ...['田中taro', 'たなかtaro', '김철수', 'Kim김철수', 'ㄅㄆㄇ田a', '٣علي', 'Ἀλέξανδρος', 'नरेन्द्र', 'สมชาย'],
  ]) {
    t.match(name, syntax)
    t.equal(findUsernameProblem(name), undefined, name)
  }
})

t.test('names that address something else, or cannot be seen or told apart, are not', async (t) => {
  const names = [
    ...['.dot', '-a', '_b', 'a b', 'a/b', 'a:b', 'client:x', 'a\0b', 'a\u200bb', '😀', 'a@b', '\ud800a', ''],
    ...['.', '..', 'a\u001bb', 'a\u202eb', 'a\u2028b'],
  ]
  for (const name of names) t.notMatch(name, syntax, Buffer.from(name, 'utf16le').toString('hex'))
  for (const [name, problem] of [
    ...['me', 'Admin', 'ROOT', 'SUPPORT', 'арі'].map((name) => [name, 'is reserved']),
    ...['e\u0301va', 'ﬁona', '１２３'].map((name) => [name, /normalization form C/]),
    ...['abc\u3164', 'abc\u115f'].map((name) => [name, /normalization|invisible/]),
    ...['аdmin', 'TОM', 'ADМIN', 'RООТ', 'АDМINISТRАТОR', 'SUРРОRТ', 'ТОМНАNКЅ', 'bоЬ', 'тhor'].map(
      (name) => [name, 'must not mix scripts'],
    ),
    ...['κate', 'νίvian', 'Ꮒello', 'Ⲓain', 'ᑲob', 'Ольга田', 'たなкa', '김たな', 'ㄅあ', 'aعb'].map(
      (name) => [name, 'must not mix scripts'],
    ),
    ...['a1١', '१2', 'علي٣۳'].map((name) => [name, /mix/]),
  ] as [string, string | RegExp][])
    t.match(findUsernameProblem(name) ?? 'none', problem, name)
})

t.test('names that look alike share a key', async (t) => {
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

t.test('the keys of a name are those of its folded form, and of whatever has its skeleton', async () => {
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
