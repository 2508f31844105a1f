import { request } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import t from 'tap'
import { normalizeAddress, trustNetworks } from '../../../src/http/server/client-address.js'
import { makeFolder } from '../../database/folder.js'
import { postToken, startApp } from '../../helpers/app.js'
import { fc } from '../../helpers/properties.js'
import { stretchWaits } from '../../helpers/waits.js'

t.test('an address has one canonical form, however a proxy writes it', (t) => {
  for (const [written, address] of [
    ['192.0.2.1', '192.0.2.1'],
    [' 192.0.2.1 ', '192.0.2.1'],
    ['192.0.2.1:40000', '192.0.2.1'],
    ['[192.0.2.1]:40000', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['[::ffff:c000:201]:1', '192.0.2.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:40000', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::10.0.0.1', '::a00:1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['::ffff:0:10.0.0.1', '::ffff:0:a00:1'],
    ['[fe80::1%25eth0]:80', 'fe80::1'],
  ] as const)
    t.equal(normalizeAddress(written), address, written)
  t.end()
})

/** Returns spellings of the address of 16 bytes. */
function spell(bytes: Uint8Array): string[] {
  const address = Buffer.from(bytes)
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(2 * index).toString(16))
  const padded = groups.map((group) => group.padStart(4, '0'))
  const dotted = bytes.slice(12).join('.')
  const spellings = [groups, padded, [...groups.slice(0, 6), dotted], [...padded.slice(0, 6), dotted]].map(
    (parts) => parts.join(':'),
  )
  for (const spelling of [...spellings]) {
    const shortened = spelling.replace(/(?:^|:)(?:0+:)+/, '::')
    if (isIPv6(shortened)) spellings.push(shortened)
  }
  return spellings.flatMap((one) => [one, one.toUpperCase(), `[${one}]:443`, `${one}%eth0`])
}

/** Addresses of zeros, of the prefix of mapped addresses, and of other groups, in all combinations. */
const anyAddress = fc
  .array(fc.oneof(fc.constant([0, 0]), fc.constant([255, 255]), fc.tuple(fc.nat(255), fc.nat(255))), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flat()))
const mapped = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((tail) => Uint8Array.from([...Array<number>(10).fill(0), 255, 255, ...tail]))

t.test(
  'all spellings of an address have the same canonical form, and different addresses have different ones',
  (t) => {
    fc.assert(
      fc.property(fc.oneof(anyAddress, mapped), fc.oneof(anyAddress, mapped), (bytes, others) => {
        const read = new Set(spell(bytes).map((spelling) => normalizeAddress(spelling)))
        const [address = null] = read
        const isMapped = Buffer.from(bytes)
          .toString('hex')
          .startsWith(`${'0'.repeat(20)}ffff`)
        return (
          read.size === 1 &&
          isIP(address ?? '') === (isMapped ? 4 : 6) &&
          (address === normalizeAddress(spell(others)[0])) === Buffer.from(bytes).equals(others)
        )
      }),
      {
        numRuns: 2_000,
        examples: [[Uint8Array.from([...Array<number>(12).fill(0), 10, 0, 0, 1]), new Uint8Array(16)]],
      },
    )
    t.end()
  },
)

t.test('a text that is not an address has no canonical form', (t) => {
  for (const text of [
    '',
    'unknown',
    '_hidden',
    'localhost',
    '192.0.2',
    '192.0.2.256',
    '0x7f.1',
    '127.1',
    '2130706433',

    '192.0.2.1:',
    '192.0.2.1:x',
    '192.0.2.1:400000',
    '[2001:db8::1',
    '2001:db8::1]:1',
    '[]',
    '[]:80',
    '%eth0',

    `${'1'.repeat(46)}`,
    'x'.repeat(10_000),
    `::1%${'x'.repeat(200)}`,
    '192.0.2.1\n',
    "'; DROP",
    '::1::2',
  ])
    t.equal(normalizeAddress(text), text === '192.0.2.1\n' ? '192.0.2.1' : null, text.slice(0, 50))
  t.equal(normalizeAddress(undefined), null)
  t.end()
})

t.test('a proxy is trusted by its address, however it is written', (t) => {
  const isTrusted = trustNetworks(['10.0.0.0/8', '192.0.2.1', 'fd00::/8', '2001:db8::1'])
  for (const address of [
    '10.1.2.3',
    '10.1.2.3:80',
    '::ffff:10.1.2.3',
    '192.0.2.1',
    '[fd12::1]:5',
    '2001:db8::1',
  ])
    t.equal(isTrusted(address), true, address)
  for (const address of ['11.1.2.3', '192.0.2.2', 'fe80::1', '2001:db8::2', 'rubbish', ''])
    t.equal(isTrusted(address), false, address)
  t.equal(trustNetworks([])('127.0.0.1'), false)
  t.end()
})

t.test('events have the address that trusted proxies report, or the one of the peer', async (t) => {
  const app = await startApp(t, { TRUST_PROXY: '127.0.0.1 10.0.0.0/8' })
  for (const [forwarded, address] of [
    ['203.0.113.8:40000', '203.0.113.8'],
    ['[2001:db8::8]:40000', '2001:db8::8'],
    ['198.51.100.1, 203.0.113.9:1, 10.0.0.1:40000', '203.0.113.9'],
    ['203.0.113.9, rubbish', '127.0.0.1'],
    ['x'.repeat(46), '127.0.0.1'],
    [`${'203.0.113.9, '.repeat(500)}${'x'.repeat(46)}`, '127.0.0.1'],
    ['', '127.0.0.1'],
  ] as const) {
    await app.database.event.deleteMany()
    const login = { username: 'johndoe', password: 'secret' }
    const { statusCode } = await postToken(app, login, { 'x-forwarded-for': forwarded })
    t.equal(statusCode, 200, forwarded.slice(0, 60))
    const [event] = await app.database.event.findMany()
    t.equal(event?.address, address, forwarded.slice(0, 60))
  }
})

t.test('an invalid address does not get a rate limit of its own', async (t) => {
  const app = await startApp(t, { TRUST_PROXY: '127.0.0.1', LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: '3' })
  await stretchWaits(app.database)
  for (const next of [
    (i: number) => `203.0.113.8:${40_000 + i}`,
    (i: number) => `[2001:db8::8]:${40_000 + i}`,
    (i: number) => `rubbish ${i}`,
  ]) {
    const statuses = []
    for (let i = 0; i < 5; i++) {
      const headers = { 'x-forwarded-for': next(i) }
      statuses.push((await postToken(app, { username: 'nobody', password: 'wrong' }, headers)).statusCode)
    }
    t.same(statuses, [401, 401, 401, 401, 429], next(0))
  }
})

t.test('a peer on a Unix socket has no address, and is rate-limited like any other', async (t) => {
  const app = await startApp(t, { LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: '3' })
  await stretchWaits(app.database)
  const path = `${await makeFolder(t)}/latchkey.sock`
  await app.listen({ path })
  const attempt = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const body = 'username=nobody&password=wrong'
      const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length }
      request({ socketPath: path, method: 'POST', path: '/token', headers }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end(body)
    })
  const statuses = []
  for (let i = 0; i < 5; i++) statuses.push(await attempt())
  t.same(statuses, [401, 401, 401, 401, 429])
  t.same(
    (await app.database.event.findMany()).map(({ address }) => address),
    [null],
  )
})
