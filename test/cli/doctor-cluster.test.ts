import t from 'tap'
import { query } from '../database/query.js'
import { installStandIn } from '../helpers/citus-stand-in.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

const checks = ['Citus', 'coordinator', 'cluster', 'balance', 'items', 'leftovers']

t.test('doctor checks the cluster', async (t) => {
  const url = await cloneDatabase(t)
  async function check() {
    const env = { ISSUER: 'http://127.0.0.1:1', PORT: '0', DATA_DIRECTORY: t.testdirName }
    const { stdout } = await runCommand(url, ['doctor', '--json'], { env })
    const findings = JSON.parse(stdout) as { state: string; check: string; explanation: string }[]
    return findings.flatMap(({ state, check, explanation }) =>
      checks.includes(check) ? `${state} ${check}: ${explanation}` : [],
    )
  }
  t.same(await check(), [], 'a database without Citus belongs to none')

  await installStandIn(url)
  t.match(await check(), [
    'ok Citus: version 13.2.2',
    'ok coordinator: the database is that of the coordinator',
    'ok cluster: its 3 servers reach each other',
    'ok balance: no shard should move',
    'warn items: not distributed by latchkey scale distribute (state: local)',
    'ok leftovers: none from a distribution or from moves of shards',
  ])

  await runCommand(url, ['scale', 'distribute', '--yes', '--shards', '4'])
  await query(url, 'INSERT INTO moves VALUES (1, 0); INSERT INTO pg_dist_cleanup VALUES (1)')
  t.match((await check()).slice(3), [
    'warn balance: 1 shards should move: run latchkey scale rebalance',
    'ok items: distributed in 4 shards',
    /^warn leftovers: 1 shards or replication slots from a distribution or from moves: Citus removes them/,
  ])

  await query(url, "INSERT INTO rebalances VALUES (3, 'running')")
  t.match((await check()).slice(3), ['ok balance: rebalance 3 is running', /^ok items/, /^ok leftovers/])

  await query(url, 'UPDATE pg_dist_node SET silent = true WHERE nodeid = 3')
  t.match((await check()).slice(2), [
    /^fail cluster: node:5002 does not answer the coordinator \(.*\): users whose items are on .* get 503$/,
    /^ok items/,
    /^ok leftovers/,
  ])

  const refuse = "UPDATE pg_dist_node SET silent = false, refusal = 'no such right' WHERE nodeid ="
  await query(url, `${refuse} 3`)
  const refused = 'answers the coordinator with an error: no such right'
  t.match((await check()).slice(2), [
    `fail cluster: node:5002 ${refused}`,
    /^ok balance/,
    /^ok items/,
    /^ok left/,
  ])
  await query(url, `${refuse} 2; UPDATE pg_dist_node SET unreachable = true WHERE nodeid = 3`)
  t.match((await check()).slice(2), [
    /^fail cluster: node:5001 answers .*; node:5002 answers .*; node:5001 cannot connect to .*: users/,
    /^ok items/,
    /^ok left/,
  ])

  await query(
    url,
    `CREATE OR REPLACE FUNCTION citus_is_coordinator() RETURNS bool LANGUAGE sql AS 'SELECT false';
     CREATE OR REPLACE FUNCTION citus_version() RETURNS text LANGUAGE sql AS 'SELECT ''Citus 12.1.0 on stand-in'''`,
  )
  t.match(await check(), [
    'fail Citus: version 12.1.0: 13 or later is required',
    'fail coordinator: the database is that of a worker: use that of the coordinator',
  ])
})
