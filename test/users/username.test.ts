import t from 'tap'
import { findUsernameProblem, usernameKey, usernameSyntax } from '../../src/users/username.js'

const syntax = new RegExp(usernameSyntax, 'u')

t.test('names of any script are taken', async (t) => {
  for (const name of ['johndoe', 'user10', 'José', 'Ольга', '田中さん', 'علي', 'a.b_c-d', '7seas']) {
    t.match(name, syntax)
    t.equal(findUsernameProblem(name), undefined, name)
  }
})

t.test('names that address something else, or cannot be seen or told apart, are not', async (t) => {
  const names = [
    '.dot',
    '-a',
    '_b',
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
  ]
  for (const name of names) t.notMatch(name, syntax, JSON.stringify(name))
  for (const name of [
    'me',
    'Admin',
    'аdmin',
    'ROOT',
    'e\u0301va',
    'ﬁona',
    'abc\u3164',
    'abc\u115f',
    '１２３',
  ])
    t.ok(findUsernameProblem(name), name)
})

t.test('names that look alike have one key', async (t) => {
  for (const [one, other] of [
    ['johndoe', 'JohnDoe'],
    ['johndoe', 'jоhndoe'],
    ['johndoe', 'johndοe'],
    ['strasse', 'Straße'],
    ['alice', 'аlісе'],
  ] as const)
    t.equal(usernameKey(one), usernameKey(other), other)
  t.not(usernameKey('user10'), usernameKey('userlo'), 'ASCII stays as it is')
  t.not(usernameKey('modern'), usernameKey('modem'))
  t.equal(usernameKey('johndoe'), 'johndoe', 'as the database fills it in')
})
