import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

/** Declarations of advisory locks, which all have the same first digits. */
const declaration = /^(?:export )?const (\w+) = (0x1a7c4e\w\w)$/gm

t.test('each advisory lock has a key of its own', async (t) => {
  const files = ['src', 'prisma'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  const locks = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(declaration)])
  const keys = locks.map(([, , key]) => key)
  t.ok(keys.length >= 5)
  t.equal(new Set(keys).size, keys.length, keys.join())
})
