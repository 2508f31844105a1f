import t from 'tap'
import { isGoodCopy, toEtag } from '../../../src/auth/status/list-etag.js'

const digest = 'AbCdEfGhIjKlMnOpQrSt_-'
const current = { digest, minute: 29_000_000 }

t.test('a copy is good for four minutes while the bits and the key are the same', async (t) => {
  for (const [minutes, isGood] of [
    [-5, false],
    [-4, true],
    [0, true],
    [1, true],
    [2, false],
  ] as const) {
    const etag = toEtag({ digest, minute: current.minute + minutes })
    t.equal(isGoodCopy(etag, current), isGood, String(minutes))
  }
  t.notOk(isGoodCopy(toEtag({ ...current, digest: digest.toLowerCase() }), current))
})

t.test('other entity tags name no copy', async (t) => {
  const etag = toEtag(current)
  t.equal(etag, `W/"${digest}.29000000"`)
  t.ok(isGoodCopy(etag.slice(2), current), 'a cache may have made it a strong one')
  for (const other of [
    '',
    '*',
    '""',
    `"${digest}"`,
    `"${digest}."`,
    `"${digest}.1e9"`,
    ` ${etag}`,
    `${etag}x`,
  ])
    t.notOk(isGoodCopy(other, current), other)
})
