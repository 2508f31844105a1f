import t from 'tap'
import { findPasswordProblem } from '../../src/users/password-rules.js'

const owner = { username: 'johndoe99', emails: ['John.Doe@example.com', null, undefined] }

t.test('a password must be long enough and not easy to guess', async (t) => {
  for (const password of [
    'correct horse',
    'aaaaaaab',
    '        x',
    'ÜÜÜÜÜÜÜÜ',
    'é'.repeat(36),
    '😀'.repeat(8),
  ])
    t.equal(await findPasswordProblem(password, owner), undefined, password)
  for (const password of [
    'short',
    '1234567',
    '😀'.repeat(7),
    'é'.repeat(37),
    'x'.repeat(73),
    'nul\0nul\0nul',
    'johndoe99',
    'JOHNDOE99',
    'john.doe@example.com',
    'john.doe',
    'password',
    'PassWord',
    'qwertyuiop',
  ])
    t.type(await findPasswordProblem(password, owner), 'string', password)
})
