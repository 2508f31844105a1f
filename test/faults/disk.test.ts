import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeFolder } from '../database/folder.js'
import { startService } from '../helpers/service.js'
import { until } from '../helpers/wait.js'
import { startFragileServer } from './server.js'

/** Creates a file system that is small enough to be filled. Only root can do so, and not everywhere. */
const disk = await makeFolder(t)
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', disk])
const withoutDisk = mounted.status === 0 ? false : 'a small file system cannot be made here'

t.test('a full disk is a 503, and nothing is lost or partially written', { skip: withoutDisk }, async (t) => {
  chmodSync(disk, 0o755)
  t.teardown(() => execFileSync('umount', ['--lazy', disk]))
  const server = await startFragileServer(t, ['max_wal_size=32MB', 'min_wal_size=32MB'], disk)
  const { origin, program } = await startService(t, { DATABASE_URL: server.url, BCRYPT_COST: '4' })
  const body = new URLSearchParams({ username: 'johndoe', password: 'secret' })
  const login = (await (await fetch(`${origin}/token`, { method: 'POST', body })).json()) as {
    access_token: string
  }
  const headers = { authorization: `Bearer ${login.access_token}`, 'content-type': 'application/json' }
  const put = async (itemId: string) => {
    const description = itemId.repeat(500)
    const init = { method: 'PUT', headers, body: JSON.stringify({ title: itemId, description }) }
    return (await fetch(`${origin}/users/me/items/${itemId}`, init)).status
  }

  const ballast = join(disk, 'ballast')
  fill(ballast)
  const acknowledged: string[] = []
  let refused = 0
  for (let i = 0; refused < 5 && i < 20_000; i++) {
    const status = await put(`item-${i}`)
    if (status === 201) acknowledged.push(`item-${i}`)
    else if (status === 503) refused += 1
    else t.fail(`${status}`)
  }
  t.equal(refused, 5)
  t.equal((await fetch(`${origin}/livez`)).status, 200)
  rmSync(ballast)
  await server.stop()
  await server.start()
  await until(async () => (await fetch(`${origin}/readyz`)).status === 200)
  t.equal(await put('after'), 201)
  const stored = await server.query(
    'SELECT item_id FROM items WHERE length(description) = 500 * length(item_id)',
  )
  const ids = new Set(stored.map(({ item_id: id }) => id))
  t.same(
    acknowledged.filter((id) => !ids.has(id)),
    [],
  )
  t.notMatch(program.stdout, '"level":50')
})

/** Fills the disk until little space is left. */
function fill(file: string): void {
  const block = Buffer.alloc(1024 * 1024)
  try {
    for (;;) writeFileSync(file, block, { flag: 'a' })
  } catch {
    return
  }
}
