import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'

const shared = '/var/lib/latchkey'

/**
 * Creates a folder that every account can enter unless `mode` says otherwise. It is removed after the test, together with
 * the data outside of it that a link `postgres` leads to, which is where the service of root keeps them.
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
