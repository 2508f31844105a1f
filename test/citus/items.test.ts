import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { citusUrl } from '../helpers/cluster.js'

// The tests of items, in databases of a cluster of Citus where the items are divided by owner. Those of the page loader are left
// out, as they divide the items themselves.

const skip = !citusUrl && 'TEST_CITUS_URL names no cluster'
const files = readdirSync('test/items')
  .filter((name) => name.endsWith('.test.ts') && name !== 'page-loader.test.ts')
  .map((name) => `test/items/${name}`)

t.test('the tests of items pass on a cluster', { skip }, async (t) => {
  const env = { ...process.env, TEST_ITEMS_LAYOUT: 'citus', TEST_DATABASE_URL: citusUrl }
  const run = promisify(execFile)(process.execPath, ['test/run.js', '--jobs', '2', ...files], { env })
  const { stdout } = await run.catch((error: { stdout: string }) => error)
  for (const file of files) t.match(stdout, new RegExp(`^ok .* ${file}$`, 'm'), stdout)
  for (const line of stdout.split('\n').filter((text) => /^(ok|FAIL) |skipped: /.test(text)))
    t.comment(`notice: ${line.trim()}`)
})
