import t from 'tap'
import { grantScope, isSameScope, splitScope } from '../../src/auth/scope.js'

const allowed = ['me', 'items:read', 'items:write']

t.test('without a requested scope everything allowed is granted', (t) => {
  t.equal(grantScope(undefined, allowed), 'me items:read items:write')
  t.equal(grantScope(undefined, []), '')
  t.end()
})

t.test('requested and allowed scope-tokens are granted without duplicates', (t) => {
  t.equal(grantScope('items:read me', allowed), 'items:read me')
  t.equal(grantScope('me me', allowed), 'me')
  t.end()
})

t.test('a malformed or excessive scope is refused', (t) => {
  for (const asked of [
    '',
    ' ',
    'me ',
    ' me',
    'me  me',
    'me\tme',
    'other',
    'me other',
    'ME',
    'm"e',
    'm\\e',
    'mé',
    'me\0',
  ])
    t.equal(grantScope(asked, allowed), null, JSON.stringify(asked))
  t.equal(grantScope('m"e', ['m"e']), null, 'malformed, although allowed')
  t.end()
})

t.test('scopes are sets', (t) => {
  t.same(splitScope(''), [])
  t.same(splitScope('me items:read me'), ['me', 'items:read'])
  t.equal(isSameScope('me me', 'me'), true)
  t.equal(isSameScope('me items:read', 'items:read me'), true)
  t.equal(isSameScope('me', ''), false)
  t.end()
})
