import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { citusUrl, listNodes, newClusterDatabase } from '../helpers/cluster.js'
import { runCommand } from '../helpers/command.js'
import { createUser, logIn, startReplica } from '../helpers/replicas.js'
import { fillTemplate } from '../helpers/template.js'
import { until } from '../helpers/wait.js'
import { countShards } from './nodes.js'
import { findLost, startWriter } from './writers.js'

// `latchkey scale` on a real cluster. What it says of all kinds of obstacles is in test/cli/scale.test.ts.

const skip = !citusUrl && 'TEST_CITUS_URL names no cluster'

async function open(t: Test) {
  const url = await newClusterDatabase(t)
  await fillTemplate(url)
  const run = (...args: string[]) => runCommand(url, ['scale', ...args])
  return { url, run }
}

/** Returns what defines the table of items: its columns, constraints, indexes, triggers and owner. */
const definitionOf = (url: string) =>
  query(
    url,
    `SELECT column_name AS part, concat_ws(' ', data_type, is_nullable, column_default) AS definition
       FROM information_schema.columns WHERE table_name = 'items'
     UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'items'::regclass
     UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'items'
     UNION ALL SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'items'::regclass AND NOT tgisinternal
     UNION ALL SELECT 'owner', tableowner FROM pg_tables WHERE tablename = 'items'
     ORDER BY 1, 2`,
  )

t.test('items go to the workers, move there, and come back, while requests go on', { skip }, async (t) => {
  const { url, run } = await open(t)
  const [, first, second] = await listNodes(url)
  const definition = await definitionOf(url)
  const service = await startReplica(t, url)
  const username = await createUser(url)
  const [user] = await query<{ id: string }>(url, 'SELECT id FROM users WHERE username = $1', [username])
  const { access_token: token } = await logIn(service, username)
  const writer = startWriter(t, service, { id: String(user?.id), username, token })
  const untilWritten = (count = writer.confirmed.length + 20) =>
    until(() => writer.confirmed.length + writer.refusals.length >= count)

  await untilWritten()
  t.match(await run('distribute', '--shards', '4', '--yes'), { status: 0, stdout: 'Distributed items.\n' })
  await untilWritten()
  t.match(await run('distribute'), { status: 0, stdout: /^Nothing to do: items .* in 4 shards\.\n$/ })
  t.same([...(await countShards(url)).values()], [2, 2])
  t.match(await run('rebalance'), { status: 0, stdout: 'Nothing to do: the shards are balanced.\n' })

  const receives = (does: boolean) =>
    query(url, "SELECT citus_set_node_property($1, $2, 'shouldhaveshards', $3)", [
      second?.host,
      second?.port,
      does,
    ])
  await receives(false)
  t.match(await run('rebalance', '--yes'), { status: 0, stdout: /^Moved 2 shards \(\d/ })
  t.same([...(await countShards(url))], [[first?.port, 4]])
  await receives(true)
  t.match(await run('rebalance', '--yes'), { status: 0, stdout: /^Moved 2 shards \(\d/ })
  const status = JSON.parse((await run('status', '--json')).stdout)
  t.match(status, {
    citus: /^\d+\.\d+\.\d+$/,
    nodes: [
      { role: 'coordinator', answers: true, shards: 0, bytes: 0 },
      { role: 'worker', answers: true, shards: 2 },
      { role: 'worker', answers: true, shards: 2 },
    ],
    tables: [{ table: 'items', state: 'distributed', shards: 4 }],
    rebalance: { state: 'finished', moves: { done: 2 }, problem: null },
  })
  await untilWritten()
  t.match(await run('undistribute', '--yes'), { status: 0, stdout: 'Brought back items.\n' })
  await untilWritten()
  t.same(await definitionOf(url), definition)

  await writer.stop()
  t.same(await findLost(url, [writer]), [])
  t.same(
    writer.refusals.filter(({ status }) => status !== 503),
    [],
  )
  t.comment(`notice: ${writer.confirmed.length} items added, ${writer.refusals.length} requests refused`)
})

t.test('a distribution that was interrupted is continued, or taken back', { skip }, async (t) => {
  const { url, run } = await open(t)
  const definition = await definitionOf(url)
  // The first step of a distribution, which has ended when the rows are copied.
  const begin = async () => {
    await query(url, 'DROP TRIGGER items_require_owner ON items')
    await query(url, 'DROP TRIGGER items_touch ON items')
    await query(url, "SELECT citus_add_local_table_to_metadata('items')")
  }
  await begin()
  t.match(
    (await run('status')).stdout,
    /^items .* its distribution has begun: latchkey scale distribute continues it/m,
  )
  t.match(await run('undistribute', '--yes'), { status: 0 })
  t.same(await definitionOf(url), definition)
  await begin()
  t.match(await run('distribute', '--shards', '4', '--yes'), {
    status: 0,
    stderr: /^To be continued after an interruption: /,
    stdout: 'Distributed items.\n',
  })
})

t.test('what Citus would refuse is named before anything is changed', { skip }, async (t) => {
  const { url, run } = await open(t)
  await query(url, 'ALTER TABLE items ADD FOREIGN KEY (owner_id) REFERENCES users (id)')
  await query(url, 'CREATE UNIQUE INDEX items_id_key ON items (id)')
  const definition = await definitionOf(url)
  t.match(await run('distribute', '--yes'), {
    status: 4,
    stderr: /the foreign key items_owner_id_fkey: .*; the index items_id_key lacks owner_id: /,
  })
  t.same(await definitionOf(url), definition)
  const worker = new URL(url)
  worker.port = String((await listNodes(url))[1]?.port)
  t.match(await runCommand(worker.href, ['scale', 'status']), { status: 4, stderr: /is that of a worker/ })
})
