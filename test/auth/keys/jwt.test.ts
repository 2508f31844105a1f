import { createPrivateKey } from 'node:crypto'
import t from 'tap'
import { generateRingKey, toPem } from '../../../src/auth/keys/generate.js'
import type { RingAlgorithm } from '../../../src/auth/keys/jwt.js'
import { ringKey, sharedSecretKey } from '../../../src/auth/keys/jwt.js'

const claims = { iss: 'https://login.example.com', sub: 'Zoë', exp: 1_800_000_000, iat: 1_799_998_200 }

async function createKey(algorithm: RingAlgorithm) {
  const { privateKey, publicJwk } = await generateRingKey(algorithm)
  const opened = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' })
  return { kid: publicJwk.kid, publicPem: toPem(publicJwk), privateKey: opened }
}

for (const algorithm of ['ES256', 'RS256'] as const)
  t.test(`a key of the ring signs by ${algorithm} what @fastify/jwt verifies`, async (t) => {
    const { kid, publicPem, privateKey } = await createKey(algorithm)
    const key = await ringKey(kid, algorithm, publicPem, privateKey)
    const token = key.sign(claims)
    const [header = '', payload = ''] = token.split('.')
    t.equal(decode(header), JSON.stringify({ alg: algorithm, typ: 'at+jwt', kid }))
    t.equal(decode(payload), JSON.stringify(claims))
    t.same(key.verify(token).payload, claims)
    t.match(key.verify(key.signAs('statuslist+jwt', claims)).header, {
      alg: algorithm,
      typ: 'statuslist+jwt',
      kid,
    })
    const other = await createKey(algorithm)
    const otherKey = await ringKey(other.kid, algorithm, other.publicPem, other.privateKey)
    t.throws(() => otherKey.verify(token))
  })

t.test('a key without its private half verifies and does not sign', async (t) => {
  const { kid, publicPem, privateKey } = await createKey('ES256')
  const token = (await ringKey(kid, 'ES256', publicPem, privateKey)).sign(claims)
  const verifying = await ringKey(kid, 'ES256', publicPem, null)
  t.same(verifying.verify(token).payload, claims)
  t.throws(() => verifying.sign(claims), { message: 'the key cannot sign this here' })
})

t.test('a shared secret signs access tokens only', async (t) => {
  const key = await sharedSecretKey('a secret of at least 32 characters')
  t.same(key.verify(key.sign(claims)).payload, claims)
  t.throws(() => key.signAs('statuslist+jwt', claims), { message: 'the key cannot sign this here' })
})

function decode(part: string): string {
  return Buffer.from(part, 'base64url').toString()
}
