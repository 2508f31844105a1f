import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { exclusively } from '#scripts/lib/exclusive.js'
import { fingerprint, installFiles, listFiles, readFiles } from '#scripts/lib/files.js'

t.test('a folder gets exactly the files of a build, and those that are the same stay as they are', (t) => {
  const folder = t.testdir({ same: 'same', changed: 'old', stale: '', sub: { 'also-stale': '' } })
  symlinkSync('same', join(folder, 'link'))
  symlinkSync('sub', join(folder, 'linked'))
  const before = statSync(join(folder, 'same'))
  const opened = readFileSync(join(folder, 'changed'))
  installFiles(
    folder,
    new Map([
      ['same', Buffer.from('same')],
      ['changed', Buffer.from('new')],
      ['sub/added', Buffer.from('added')],
    ]),
  )
  t.same(listFiles(folder), ['changed', 'same', 'sub/added'])
  t.equal(statSync(join(folder, 'same')).ino, before.ino, 'not written again')
  t.equal(String(opened), 'old')
  t.equal(readFileSync(join(folder, 'changed'), 'utf8'), 'new')
  t.equal(readFileSync(join(folder, 'link'), 'utf8'), 'same', 'a link stays')
  t.equal(readFileSync(join(folder, 'linked/added'), 'utf8'), 'added', 'a link to a folder is not followed')
  t.end()
})

t.test('files are listed and read by their paths below a folder', (t) => {
  const folder = t.testdir({ b: '2', sub: { a: '1' } })
  t.same(listFiles(folder), ['b', 'sub/a'])
  t.same(listFiles(join(folder, 'absent')), [])
  t.same(
    [...readFiles(folder, 'dist')].map(([path, content]) => [path, String(content)]),
    [
      ['dist/b', '2'],
      ['dist/sub/a', '1'],
    ],
  )
  t.end()
})

t.test('a fingerprint depends on names and contents', (t) => {
  const folder = t.testdir({ a: '1', b: '1', c: '2' })
  const [a, b, c] = ['a', 'b', 'c'].map((name) => fingerprint([join(folder, name)]))
  t.equal(fingerprint([join(folder, 'a')]), a)
  t.equal(new Set([a, b, c]).size, 3)
  t.end()
})

t.test('one process works under a lock at a time', async (t) => {
  const lock = join(t.testdir(), 'cache/lock')
  const order: string[] = []
  const first = exclusively(lock, async () => {
    order.push('first begins')
    await new Promise((resolve) => setImmediate(resolve))
    order.push('first ends')
  })
  const second = exclusively(lock, async () => void order.push('second'))
  await Promise.all([first, second])
  t.same(order, ['first begins', 'first ends', 'second'])
  t.notOk(existsSync(lock))
  await t.rejects(
    exclusively(lock, () => Promise.reject(new Error('failed'))),
    { message: 'failed' },
  )
  t.notOk(existsSync(lock), 'work that fails releases it')
})

t.test('a lock whose owner has died is void', async (t) => {
  const lock = join(t.testdir(), 'lock')
  // No process has this id: the largest that Linux gives is 2 ** 22.
  writeFileSync(lock, String(2 ** 30))
  await t.resolves(exclusively(lock, async () => {}))
})
