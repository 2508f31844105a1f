import { setImmediate as nextTurn } from 'node:timers/promises'
import bcrypt from 'bcrypt'
import t from 'tap'
import { startApp } from '../helpers/app.js'

t.test('hashing leaves threads of the pool to files and DNS', async (t) => {
  const app = await startApp(t, { UV_THREADPOOL_SIZE: '4', HASHING_CONCURRENCY: '2' })
  const { hash } = bcrypt
  t.teardown(() => Object.assign(bcrypt, { hash }))
  const ends: (() => void)[] = []
  Object.assign(bcrypt, {
    hash: (password: string) => new Promise((resolve) => ends.push(() => resolve(`hash of ${password}`))),
  })
  const hashing = Array.from({ length: 8 }, (_, i) => app.passwords.hash(String(i)))
  for (let ended = 0; ended < 8; ended += 2) {
    await nextTurn()
    t.equal(ends.length, ended + 2, 'two at once')
    for (const end of ends.slice(ended)) end()
  }
  t.same(
    await Promise.all(hashing),
    hashing.map((_, i) => `hash of ${i}`),
  )
})
