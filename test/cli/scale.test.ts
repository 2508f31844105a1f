import pg from 'pg'
import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { installStandIn } from '../helpers/citus-stand-in.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startPooler } from '../helpers/pooler.js'
import { roleAndDatabase } from '../helpers/role.js'

// What the commands do on Citus itself is in test/citus.

async function startCluster(t: Test) {
  const url = await cloneDatabase(t)
  await installStandIn(url)
  const run = (args: string, options?: Parameters<typeof runCommand>[2]) =>
    runCommand(url, ['scale', ...args.split(' ')], options)
  return { url, run }
}

const triggersOf = (url: string) =>
  query(
    url,
    `SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger WHERE tgrelid = 'items'::regclass AND NOT tgisinternal ORDER BY 1`,
  )

const addRebalance = (url: string, state: string, outcome = 'finished', tasks = '[]') =>
  query(
    url,
    `INSERT INTO rebalances VALUES (3, $1, '2026-01-01T00:00:00Z',
       jsonb_build_object('tasks', $3::jsonb, 'task_state_counts', '{"done": 2, "error": 1}'::jsonb), $2)`,
    [state, outcome, tasks],
  )

t.test('status shows the servers, what is on each, and the last rebalance', async (t) => {
  const { url, run } = await startCluster(t)
  const before = await run('status')
  t.equal(before.status, 0)
  t.match(before.stdout, /^Citus 13\.2\.2\nnode +role +active +answers +shards +bytes\n/)
  t.match(before.stdout, /^node:5000 +coordinator +true +true +0 +0 bytes$/m)
  t.match(before.stdout, /^items \(\d+ kB\) is on the coordinator\.\nThere has been no rebalance\.\n$/m)
  await run('distribute --yes --shards 4')
  await addRebalance(url, 'failed', '', '[{"message": "no space left"}]')
  await query(url, 'INSERT INTO pg_dist_cleanup VALUES (1)')
  const { stdout } = await run('status')
  t.match(stdout, /^node:5001 +worker +true +true +2 +2 kB$/m)
  t.match(stdout, 'items (4 kB) is distributed by owner_id in 4 shards.\n')
  t.match(stdout, 'Rebalance 3 is failed (moves: 2 done, 1 error): no space left.\n')
  t.match(stdout, 'Leftovers of a distribution or of moves: 1. Citus removes them within minutes.\n')

  await query(url, 'UPDATE pg_dist_node SET silent = true WHERE nodeid = 3')
  await query(url, 'UPDATE citus_shards SET shard_size = NULL WHERE nodeport = 5002')
  t.match(JSON.parse((await run('status --json')).stdout), {
    rebalance: {
      started_at: '2026-01-01T00:00:00.000Z',
      moves: { done: 2, error: 1 },
      problem: 'no space left',
    },
  })
  await query(url, "UPDATE rebalances SET details = '{}', started_at = NULL")
  const { stdout: silent } = await run('status')
  t.match(silent, /^node:5002 +worker +true +false +2 +-$/m)
  t.match(silent, 'items (an unknown size) is distributed by owner_id in 4 shards.\n')
  t.match(silent, 'Rebalance 3 is failed (moves: none).\n')
  t.match(JSON.parse((await run('status --json')).stdout), {
    citus: '13.2.2',
    nodes: [
      {},
      { node: 'node:5001', role: 'worker', active: true, answers: true, shards: 2, bytes: 2048 },
      { answers: false, bytes: null },
    ],
    tables: [{ table: 'items', state: 'distributed', shards: 4, bytes: null }],
    rebalance: { job: 3, state: 'failed', started_at: null, moves: {}, problem: null },
    leftovers: 1,
  })
})

t.test('an owner of the tables who is no superuser can do everything', async (t) => {
  const { role, url, owned } = await roleAndDatabase(t)
  await query(owned, `GRANT USAGE, CREATE ON SCHEMA public TO ${role}`)
  t.equal((await runCommand(url, ['migrate'])).status, 0)
  await installStandIn(url)
  const run = (args: string) => runCommand(url, ['scale', ...args.split(' ')])
  t.match(
    JSON.parse((await run('status --json')).stdout).nodes,
    Array(3).fill({ answers: true, error: null }),
  )
  t.match(await run('distribute --yes'), { status: 0, stdout: 'Distributed items.\n' })
  t.match(await run('rebalance --yes'), { status: 0, stdout: /^Nothing to do/ })
  t.match(await run('undistribute --yes'), { status: 0, stdout: 'Brought back items.\n' })
})

t.test(
  'a server that refuses to answer is told from one that does not answer, and from one that is not asked',
  async (t) => {
    const { url, run } = await startCluster(t)
    await query(url, "UPDATE pg_dist_node SET refusal = 'no such right' WHERE nodeid = 1")
    await query(url, 'UPDATE pg_dist_node SET silent = true WHERE nodeid = 2')
    await query(url, 'UPDATE pg_dist_node SET isactive = false WHERE nodeid = 3')
    const { stdout } = await run('status')
    t.match(stdout, /^node:5000 +coordinator +true +true +0 +0 bytes$/m)
    t.match(stdout, /^node:5001 +worker +true +false +0 +-$/m)
    t.match(stdout, /^node:5002 +worker +false +- +0 +-$/m)
    t.match(stdout, /^node:5000 answers the coordinator with an error: no such right\.$/m)
    t.match(JSON.parse((await run('status --json')).stdout).nodes, [
      { answers: true, error: 'no such right' },
      { answers: false, error: null },
      { answers: null, error: null },
    ])
    t.match(await run('distribute --yes'), {
      status: 4,
      stderr:
        /: node:5000 answers the coordinator with an error: no such right; node:5001 does not answer the coordinator \(/,
    })
  },
)

t.test('distribute says what it will do, asks, and can be repeated', async (t) => {
  const { url, run } = await startCluster(t)
  const dry = await run('distribute --dry-run')
  t.match(dry, { status: 0, stdout: 'Would distribute items.\n' })
  t.match(dry.stderr, /^To be distributed: items \(\d+ kB\) in 32 shards to node:5001, node:5002\.$/m)
  t.match(await run('distribute'), {
    status: 2,
    stderr: /^latchkey: without a terminal, this requires --yes\n$/m,
  })
  const refused = await run('distribute', { input: 'n\n', isTTY: true })
  t.match(refused, { status: 4, stderr: /latchkey: nothing was changed\n$/ })
  t.equal((await triggersOf(url)).length, 2)

  const done = await run('distribute --shards 8', { input: 'y\n', isTTY: true })
  t.match(
    done,
    { status: 0, stdout: 'Distributed items.\n', stderr: / splitting one shard\n$/ },
    'with notices',
  )
  t.same(await query(url, 'SELECT partmethod, partkey FROM pg_dist_partition'), [
    { partmethod: 'h', partkey: 'owner_id' },
  ])
  t.same(await triggersOf(url), [])
  const again = await run('distribute')
  t.match(again, {
    status: 0,
    stderr: '',
    stdout: 'Nothing to do: items (8 kB) is distributed by owner_id in 8 shards.\n',
  })
  t.same(JSON.parse((await run('distribute --json')).stdout), { dry_run: false, tables: [] })
  t.match(await run('distribute --shards 0'), { status: 2, stderr: /from 1 to 9999/ })
})

t.test('a distribution that was interrupted is continued', async (t) => {
  const { url, run } = await startCluster(t)
  await query(url, "INSERT INTO pg_dist_partition VALUES ('items', 'n')")
  await query(url, "INSERT INTO citus_shards VALUES ('items', 1, 'node', 5000, 2048)")
  t.match((await run('status')).stdout, 'items (2 kB) is on the coordinator; its distribution has begun: ')
  const { status, stdout, stderr } = await run('distribute --yes --json')
  t.match(stderr, 'To be continued after an interruption: items (2 kB) in 32 shards')
  t.same([status, JSON.parse(stdout)], [0, { dry_run: false, tables: ['items'] }])
})

t.test('undistribute brings the items back, and the triggers', async (t) => {
  const { url, run } = await startCluster(t)
  const triggers = await triggersOf(url)
  t.match(await run('undistribute'), {
    status: 0,
    stdout: /^Nothing to do: items .* is on the coordinator\.\n$/,
  })
  await run('distribute --yes --shards 4')
  const dry = await run('undistribute --dry-run')
  t.match(dry, {
    status: 0,
    stdout: 'Would bring back items.\n',
    stderr: /^To be brought back: items \(4 kB in 4 shards\)/,
  })
  t.match(await run('undistribute --yes'), { status: 0, stdout: 'Brought back items.\n' })
  t.same(await triggersOf(url), triggers)
  await query(url, "INSERT INTO pg_dist_partition VALUES ('items', 'n', NULL, 't')")
  t.match(await run('undistribute'), {
    status: 4,
    stderr: /partitioned or distributed in a way that Latchkey does not support\n$/,
  })
  t.match(await run('distribute'), {
    status: 4,
    stderr: /partitioned or distributed in a way that Latchkey does not support\n$/,
  })
})

t.test('rebalance moves shards, and follows a rebalance that runs', async (t) => {
  const { url, run } = await startCluster(t)
  t.match(await run('rebalance'), {
    status: 4,
    stderr: /on the coordinator; run latchkey scale distribute first\n$/,
  })
  await run('distribute --yes --shards 4')
  t.match(await run('rebalance'), { status: 0, stdout: 'Nothing to do: the shards are balanced.\n' })
  await query(url, 'INSERT INTO moves VALUES (1, 0), (2, 0)')
  const dry = await run('rebalance --dry-run')
  t.match(dry, {
    status: 0,
    stdout: 'Would move 2 shards (2 kB).\n',
    stderr: /^To be moved: 2 shards \(2 kB\)/,
  })
  t.same(await query(url, 'SELECT FROM rebalances'), [])
  t.match(await run('rebalance --yes'), { status: 0, stdout: 'Moved 2 shards (2 kB).\n' })
  t.same(await query(url, 'SELECT job_id::int AS job, state FROM rebalances'), [
    { job: 7, state: 'finished' },
  ])

  const states = { task_state_counts: { done: 2, running: 1 } }
  await query(url, "UPDATE rebalances SET state = 'running', details = $1", [states])
  t.match(await run('rebalance --dry-run'), {
    status: 0,
    stdout: 'Would wait for rebalance 7, which is running.\n',
  })
  const followed = await run('rebalance --json')
  t.same(JSON.parse(followed.stdout), { dry_run: false, job: 7, moves: 3 })
  t.equal(followed.stderr, 'Rebalance 7 is running. Waiting for its end …\n')

  await query(url, 'DELETE FROM rebalances')
  await addRebalance(url, 'running', 'failed', '[{"message": "no space left"}]')
  t.match(await run('rebalance'), {
    status: 1,
    stderr: /rebalance 3 is failed: no space left; what it has moved stays/,
  })
  await query(url, "UPDATE rebalances SET state = 'scheduled', outcome = 'cancelled', details = '{}'")
  t.match(await run('rebalance'), { status: 1, stderr: /rebalance 3 is cancelled; what it has moved stays/ })
})

const obstacles: [what: string, sql: string, refusal: RegExp][] = [
  ['a running rebalance', "INSERT INTO rebalances VALUES (3, 'running')", /rebalance 3 is running: wait/],
  [
    'a server that does not answer',
    'UPDATE pg_dist_node SET silent = true WHERE nodeid = 3',
    /: node:5002 does not answer/,
  ],
  [
    'servers that cannot reach each other',
    'UPDATE pg_dist_node SET unreachable = true WHERE nodeid = 3',
    /: node:5001 cannot connect to node:5002/,
  ],
  [
    'a server that cannot tell whom it reaches',
    'UPDATE pg_dist_node SET ignorant = true WHERE nodeid = 3',
    /: node:5002 cannot tell whether it reaches node:5000; /,
  ],
  [
    'a server that refuses',
    "UPDATE pg_dist_node SET refusal = 'permission denied' WHERE nodeid = 2",
    /: node:5001 answers the coordinator with an error: permission denied\n/,
  ],
  [
    'a server without logical replication',
    `UPDATE pg_dist_node SET settings = '{"wal_level":"replica","statement_timeout":"0"}' WHERE nodeid = 2`,
    /: node:5001 has wal_level replica: set it to logical/,
  ],
  [
    'a time limit',
    `UPDATE pg_dist_node SET settings = '{"wal_level":"logical","statement_timeout":"10s"}' WHERE nodeid = 1`,
    /: node:5000 has statement_timeout 10s, which would end the copying: reset it for this role/,
  ],
  [
    'a decoder that is not allowed',
    `UPDATE pg_dist_node SET settings = settings || '{"output_plugin_libraries":"pgoutput, test_decoding"}'`,
    /: the coordinator does not let Citus decode its log: add citus to output_plugin_libraries/,
  ],
  ['no workers', 'DELETE FROM pg_dist_node WHERE nodeid > 1', /: the cluster has no workers/],
  [
    'no coordinator',
    'DELETE FROM pg_dist_node WHERE nodeid = 1',
    /: the cluster does not know its coordinator/,
  ],
  [
    'a trigger',
    'CREATE TRIGGER theirs BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch_row()',
    /: the trigger theirs of items is not Latchkey.s/,
  ],
  [
    'a foreign key',
    'ALTER TABLE items ADD CONSTRAINT theirs FOREIGN KEY (owner_id) REFERENCES users (id) NOT VALID',
    /: the foreign key theirs: drop it/,
  ],
  [
    'a key without the owner',
    'CREATE UNIQUE INDEX theirs ON items (id)',
    /: the index theirs lacks owner_id/,
  ],
  [
    'no replica identity',
    'ALTER TABLE items REPLICA IDENTITY NOTHING',
    /: items has no replica identity: ALTER TABLE items/,
  ],
]

for (const [what, sql, refusal] of obstacles)
  t.test(`${what} is named, and nothing is changed`, async (t) => {
    const { url, run } = await startCluster(t)
    await query(url, sql)
    t.match(await run('distribute --yes'), { status: 4, stdout: '', stderr: refusal })
    t.same(await query(url, 'SELECT FROM pg_dist_partition'), [])
    t.equal((await triggersOf(url)).filter(({ definition }) => /items_/.test(String(definition))).length, 2)
  })

t.test('everything that stands in the way is named at once, by each command', async (t) => {
  const { url, run } = await startCluster(t)
  await run('distribute --yes')
  await query(url, 'UPDATE pg_dist_node SET silent = true WHERE groupid > 0')
  const { stderr } = await run('rebalance --yes --json')
  const reason = 'does not answer the coordinator (it is down, or does not let this role in)'
  const message = `node:5001 ${reason}; node:5002 ${reason}`
  t.same(JSON.parse(stderr), { error: { code: 'refused', message } })
  t.match(await run('undistribute --yes'), { status: 4, stderr: `latchkey: ${message}\n` })
  await query(url, 'UPDATE pg_dist_node SET isactive = false WHERE groupid > 0')
  t.match(await run('undistribute --dry-run'), { status: 0 }, 'a server that was disabled is not needed')
  t.match(await run('rebalance --dry-run'), { status: 0, stdout: /^Nothing to do/ })
})

t.test('a refusal of PostgreSQL is none of our faults, and is shown with its hint', async (t) => {
  const { url, run } = await startCluster(t)
  const fail = (how: string) =>
    query(
      url,
      `CREATE OR REPLACE FUNCTION create_distributed_table_concurrently(
         table_name regclass, distribution_column text, shard_count int)
       RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE ${how}; END $$`,
    )
  await fail("insufficient_privilege USING MESSAGE = 'no output plugin', HINT = 'Name it.'")
  t.match(await run('distribute --yes'), { status: 4, stderr: /^latchkey: no output plugin; Name it\.$/m })
  await fail("insufficient_privilege USING MESSAGE = 'no right'")
  t.match(await run('distribute --yes'), { status: 4, stderr: /^latchkey: no right$/m })
  await fail("'broken'")
  t.match(await run('distribute --yes'), { status: 1, stderr: /unexpected error: .*broken/ })
})

t.test('shards with copies cannot be filled while requests go on', async (t) => {
  const { url, run } = await startCluster(t)
  await query(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET citus.shard_replication_factor = 2`)
  t.match(await run('distribute --yes'), { status: 4, stderr: /citus\.shard_replication_factor is 2/ })
})

t.test('one command runs at a time', async (t) => {
  const { url, run } = await startCluster(t)
  const other = new pg.Client(url)
  await other.connect()
  t.teardown(() => other.end())
  await other.query('SELECT pg_advisory_lock($1)', [0x1a7c4e06])
  t.match(await run('distribute --yes'), {
    status: 4,
    stderr: /another latchkey scale command is running on this database\n$/,
  })
  t.same(await query(url, 'SELECT FROM pg_dist_partition'), [])
})

t.test('other databases are refused', async (t) => {
  const plain = await cloneDatabase(t)
  t.match(await runCommand(plain, ['scale', 'status']), {
    status: 4,
    stderr: /^latchkey: the database has no Citus: /,
  })
  t.match(await runCommand(await startPooler(t, plain), ['scale', 'status']), {
    status: 1,
    stderr: /^latchkey: DATABASE_URL leads to a pooler/,
  })
  const embedded = { DATABASE_URL: '', DATA_DIRECTORY: t.testdir() }
  t.match(await runCommand('', ['scale', 'status'], { env: embedded }), {
    status: 4,
    stderr: /^latchkey: the embedded PostgreSQL is one server/,
  })
  const { url, run } = await startCluster(t)
  await query(url, 'DELETE FROM _prisma_migrations')
  t.match(await run('status'), { status: 1, stderr: /lacks migrations/ })
  await query(
    url,
    "CREATE OR REPLACE FUNCTION citus_version() RETURNS text LANGUAGE sql AS 'SELECT ''Citus 12.1.0 on stand-in'''",
  )
  t.match(await run('status'), {
    status: 4,
    stderr: /^latchkey: Citus is version 12\.1\.0: 13 or later is required\n/,
  })
  await query(
    url,
    "CREATE OR REPLACE FUNCTION citus_is_coordinator() RETURNS bool LANGUAGE sql AS 'SELECT false'",
  )
  t.match(await run('status'), { status: 4, stderr: /^latchkey: the database is that of a worker/ })
})
