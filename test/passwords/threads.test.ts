import { readFile } from 'node:fs/promises'
import t from 'tap'
import { startApp } from '../helpers/app.js'

t.test('files are read while passwords are hashed at full concurrency', async (t) => {
  const app = await startApp(t, { BCRYPT_COST: '12' })
  let hashed = 0
  const hashing = Array.from({ length: 8 }, () => app.passwords.hash('secret').then(() => hashed++))
  await Promise.all(Array.from({ length: 8 }, () => readFile(import.meta.filename)))
  t.equal(hashed, 0)
  await Promise.all(hashing)
})
