import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'

const shared = '/var/lib/latchkey'

/**
 * A folder for this test alone, which everybody can enter unless `mode` says otherwise. It goes with the test, and so
 * do the data that a link `postgres` in it leads to, where root's service keeps them.
 */
export async function makeFolder(t: Test, mode = 0o755): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
  await chmod(folder, mode)
  t.teardown(async () => {
    const data = await realpath(join(folder, 'postgres')).catch(() => '')
    if (dirname(data) === shared) await rm(data, { recursive: true })
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}
