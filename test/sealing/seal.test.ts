import t from 'tap'
import { seal, sealingKey, unseal } from '../../src/sealing/seal.js'

const key = sealingKey('a secret of more than thirty-two characters')
const plain = Buffer.from('a private key')

t.test('sealed bytes can be unsealed, and differ each time', (t) => {
  const sealed = seal(plain, 'kid', key)
  t.same(unseal(sealed, 'kid', key), plain)
  t.notSame(seal(plain, 'kid', key), sealed)
  t.notOk(sealed.includes(plain))
  t.end()
})

t.test('another key, another purpose or a changed bit is refused', (t) => {
  const sealed = seal(plain, 'kid', key)
  const other = sealingKey('another secret of more than thirty-two characters')
  t.not(other.id, key.id)
  t.throws(() => unseal(sealed, 'kid', other))
  t.throws(() => unseal(sealed, 'other', key))
  for (const index of [0, 12, 28, sealed.length - 1]) {
    const changed = Buffer.from(sealed)
    changed[index] = (changed[index] ?? 0) ^ 1
    t.throws(() => unseal(changed, 'kid', key), `byte ${index}`)
  }
  for (const length of [0, 11, 20, 28, sealed.length - 1])
    t.throws(() => unseal(sealed.subarray(0, length), 'kid', key), `${length} bytes`)
  t.end()
})
