import { existsSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isCurrent, readMark, removeMark, writeMark } from '#scripts/lib/build-mark.js'
import { exclusively } from '#scripts/lib/exclusive.js'
import { fingerprint, installFiles, listFiles, readFiles } from '#scripts/lib/files.js'
import { retire } from '#scripts/lib/retire.js'

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

t.test('a build is current only while its inputs and every file of it are unchanged', (t) => {
  const folder = t.testdir({ 'a.js': '1', 'b.js': '2' })
  const files = ['a.js', 'b.js']
  t.notOk(isCurrent(folder, 'inputs'))
  t.equal(readMark(folder), null)
  writeMark(folder, 'inputs', files)
  t.ok(isCurrent(folder, 'inputs'))
  t.notOk(isCurrent(folder, 'other inputs'))
  t.same(readMark(folder)?.files, files)

  writeFileSync(join(folder, 'a.js'), 'edited')
  t.notOk(isCurrent(folder, 'inputs'), 'an edited file')
  writeMark(folder, 'inputs', files)
  rmSync(join(folder, 'b.js'))
  t.notOk(isCurrent(folder, 'inputs'), 'a removed file')
  writeFileSync(join(folder, '.built-from'), '{"inputs":')
  t.notOk(isCurrent(folder, 'inputs'), 'a damaged mark')
  removeMark(folder)
  t.notOk(existsSync(join(folder, '.built-from')))
  t.end()
})

t.test('a chunk of an earlier build stays for a week after it was replaced', (t) => {
  const folder = t.testdir({ 'chunk-OLD.js': '', 'chunk.js': '' })
  const chunk = join(folder, 'chunk-OLD.js')
  const at = (day: number) => new Date(Date.UTC(2026, 0, day))
  utimesSync(chunk, at(1), at(1))
  retire(chunk, true, at(20))
  retire(chunk, false, at(26))
  t.ok(existsSync(chunk))
  retire(chunk, false, at(28))
  t.notOk(existsSync(chunk))
  retire(join(folder, 'chunk.js'), true, at(20))
  t.same(listFiles(folder), [], 'other files are removed at once')
  t.end()
})

t.test('a lock is void whose owner has died, or has not renewed it', async (t) => {
  // No process has the first id: the largest that Linux gives is 2 ** 22. The second may belong to any other process by now.
  const hourAgo = new Date(Date.now() - 3_600_000)
  const locks: [string, Date][] = [
    [String(2 ** 30), new Date()],
    [String(process.ppid), hourAgo],
    ['', hourAgo],
  ]
  for (const [owner, renewedAt] of locks) {
    const lock = join(t.testdir(), 'lock')
    writeFileSync(lock, owner)
    utimesSync(lock, renewedAt, renewedAt)
    await t.resolves(exclusively(lock, async () => t.equal(readFileSync(lock, 'utf8'), String(process.pid))))
    t.notOk(existsSync(lock))
  }
})

t.test('a lock without a process id is about to get one', async (t) => {
  const lock = join(t.testdir(), 'lock')
  writeFileSync(lock, '')
  const order: string[] = []
  const waiting = exclusively(lock, async () => void order.push('entered'))
  await new Promise((resolve) => setImmediate(resolve))
  order.push('released')
  rmSync(lock)
  await waiting
  t.same(order, ['released', 'entered'])
})
