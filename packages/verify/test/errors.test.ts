import t from 'tap'
import { VerificationError } from '../src/index.js'

t.test('an error is the response to the request', async (t) => {
  const response = new VerificationError('insufficient_scope', { scope: ['a', 'b'] }).getResponse()
  t.equal(response.status, 403)
  t.equal(
    response.headers.get('www-authenticate'),
    'Bearer realm="Latchkey", error="insufficient_scope", ' +
      'error_description="The access token lacks a scope that the request needs", scope="a b"',
  )
  t.same(await response.json(), {
    error: 'insufficient_scope',
    error_description: 'The access token lacks a scope that the request needs',
  })
})

t.test('a request without a token is challenged without an error code', async (t) => {
  const response = new VerificationError('missing_token').getResponse()
  t.equal(response.status, 401)
  t.equal(response.headers.get('www-authenticate'), 'Bearer realm="Latchkey"')
  t.match(await response.json(), { error: 'missing_token' })
})

t.test('an error that passes is no fault of the token', async (t) => {
  const cause = new Error('why')
  const error = new VerificationError('keys_unavailable', { cause })
  t.match(error, { status: 503, error: null, challenge: null, retryable: true, cause })
  const response = error.getResponse()
  t.equal(response.headers.get('www-authenticate'), null)
  t.equal(response.headers.get('retry-after'), '1')
})
