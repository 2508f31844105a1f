import { createHmac } from 'node:crypto'
import t from 'tap'
import { jwtSecret, postToken, startApp } from '../helpers/app.js'
import { askWho, decode, signIn, signInClient, startIssuer } from './server.js'

const app = await startIssuer(t)
const { access_token: token, refresh_token } = await signIn(app)
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const isTaken = async (forged: string) => (await askWho(app, `Bearer ${forged}`)).statusCode === 200

t.test('§3.1 the key determines the algorithm, whatever the header says', async (t) => {
  const { kid } = decode(token, 0)
  const [key] = (await app.inject('/.well-known/jwks.json')).json<{ keys: object[] }>().keys
  for (const alg of ['none', 'None', 'NONE', 'HS256', 'RS256', 'ES384', 'PS256', 'EdDSA']) {
    const input = `${encode({ alg, typ: 'at+jwt', kid })}.${token.split('.')[1]}`
    const keyed = createHmac('sha256', JSON.stringify(key)).update(input).digest('base64url')
    for (const signature of ['', keyed, token.split('.')[2]])
      t.notOk(await isTaken(`${input}.${signature}`), alg)
  }
})

t.test('§3.3 every cryptographic operation is validated', async (t) => {
  const [head, body, signature = ''] = token.split('.')
  for (const other of [
    signature.slice(4),
    `${signature}AAAA`,
    signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')),
  ])
    t.notOk(await isTaken(`${head}.${body}.${other}`))
})

t.test('§3.5 the shared secret has to be long', async (t) => {
  await t.rejects(startApp(t, { JWT_SECRET: 'too short' }), { message: /^JWT_SECRET / })
})

t.test('§3.7 only UTF-8 and canonical base64url are accepted', async (t) => {
  const [head = '', body, signature] = token.split('.')
  t.notOk(await isTaken(`${head}=.${body}.${signature}`))
  t.notOk(await isTaken(`${head}.${body}.${signature}=`))
  t.notOk(
    await isTaken(`${Buffer.from('{"alg":"\xff"}', 'latin1').toString('base64url')}.${body}.${signature}`),
  )
})

t.test('§3.8, §3.9 issuer, subject and audience are validated', async (t) => {
  const other = await startIssuer(t, { ISSUER: 'https://other.example.com' })
  t.notOk(await isTaken((await signIn(other)).access_token))
})

t.test('§3.10 keys, URLs and unknown key ids in the header are not trusted', async (t) => {
  const [, body, signature] = token.split('.')
  for (const member of [
    { kid: '../../key' },
    { kid: "' OR 1=1" },
    { jwk: { kty: 'oct', k: 'AA' } },
    { jku: 'http://127.0.0.1:9' },
    { x5u: 'http://127.0.0.1:9' },
  ])
    t.notOk(await isTaken(`${encode({ ...decode(token, 0), ...member })}.${body}.${signature}`))
})

t.test('§3.11, §3.12 one kind of token is not accepted as another', async (t) => {
  t.notOk(await isTaken(refresh_token))
  t.notOk(await isTaken((await signInClient(app)).access_token), 'a token of a client')
  const response = await postToken(app, {
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: 'first-party',
  })
  t.equal(response.statusCode, 400)
  const input = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'johndoe', exp: 4_000_000_000 })}`
  t.notOk(await isTaken(`${input}.${createHmac('sha256', jwtSecret).update(input).digest('base64url')}`))
})
