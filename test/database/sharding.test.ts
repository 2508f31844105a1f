import { fork } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import t, { type Test } from 'tap'
import { runCommand } from '../helpers/command.js'
import { testSession } from '../helpers/hostile.js'
import { createDatabase } from '../helpers/server.js'
import { distributeItems, partitionItems } from '../helpers/sharding.js'
import { fillTemplate } from '../helpers/template.js'
import { query } from './query.js'
import { findModelUses, findSourceStatements } from './sharding/source-statements.js'
import { type Execution, startLoggingServer } from './sharding/statement-log.js'

// Each statement on items names one owner, so it concerns one machine where the items are divided by owner among several. The log
// of a server shows it: while the suite of items runs on a table that is partitioned by owner, each statement reads or writes one
// partition. Statements are planned once for all values, and the plan skips the other partitions while it is executed.
//
// The suite runs on two tables: one has all partitions in the same database, the other has some in another database, with
// connections and transactions of their own, as on another machine. `distributeItems` says what the second one lacks. Files are left
// out that send the same statements as others, that divide the items themselves, or, on the second table, that wait for locks of items.

/** Folders of what sends statements. */
const sources = ['src', 'prisma']

/** Patterns of statements, each with the reason for an exception. */
type Exceptions = [pattern: RegExp, reason: string][]

/** Statements on the items of all owners. */
const ofAllOwners: Exceptions = [
  [/^SELECT DISTINCT owner_id AS "ownerId" FROM items /, 'doctor --orphans finds out who the owners are'],
]

/** Statements that are executed only where the items are not divided. */
const ofUndividedItems: Exceptions = [
  [/ CROSS JOIN LATERAL /, 'first pages are otherwise read by a statement per owner'],
  [/^SELECT owner_id FROM items WHERE owner_id … ORDER /, 'doctor --orphans otherwise reads distinct owners'],
]

/** Returns the reason for an exception or, if there is none, the statement. */
function reasonFor(statement: string, exceptions: Exceptions): string {
  return exceptions.find(([pattern]) => pattern.test(statement))?.[1] ?? statement
}

function reasonsOf(exceptions: Exceptions): string[] {
  return exceptions.map(([, reason]) => reason)
}

/** Makes the plan of an insertion name the partitions that it reaches, as it names those with triggers. */
const trigger = `
  CREATE FUNCTION pass_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER pass_row BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION pass_row()`

const server = await startLoggingServer(t)
const undivided = await createTemplate()
const partitioned = await createTemplate(async function partition(url) {
  await partitionItems(url)
  await query(url, trigger)
})

/** Creates a database that tests copy. @param prepareTemplate changes it while it has no rows */
async function createTemplate(prepareTemplate = async (_url: string) => {}): Promise<string> {
  const url = await createDatabase(server.url)
  await fillTemplate(url, { prepareTemplate })
  return url
}

/** Creates a copy of a template, which exists as long as the server. */
function copyOf(template: string): Promise<string> {
  return createDatabase(server.url, new URL(template).pathname.slice(1))
}

/** Runs test files on copies of a template, each in a process of its own. */
async function runSuite(t: Test, names: string[], template: string, layout: string): Promise<void> {
  const env = { ...process.env, TAP: '1', TEST_ITEMS_LAYOUT: layout }
  const running = names.map(async function run(name) {
    const child = fork(`build/test/items/${name}.test.js`, {
      env,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    child.once('message', () => child.send({ template }))
    const report = text(child.stdout as NodeJS.ReadableStream)
    const [status] = await once(child, 'close')
    t.equal(status, 0, `${name} ${(await report).match(/^ *not ok .*/gm)?.join('\n') ?? 'passes'}`)
  })
  await Promise.all(running)
}

t.test('the suite of items passes on a partitioned table', async (t) => {
  await runSuite(t, ['departed-owners', 'import', 'items'], partitioned, 'partitioned')
})

t.test('the suite of items passes on partitions in another database', async (t) => {
  await runSuite(t, ['items'], undivided, 'fdw')
})

for (const [where, template, prepare] of [
  ['of a partitioned table', partitioned, async () => {}],
  ['in another database', undivided, distributeItems],
] as const)
  t.test(`items without an owner ${where} are found and removed`, async (t) => {
    const url = await copyOf(template)
    await prepare(url)
    await query(
      url,
      "INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), md5(n::text)::uuid, 'x' FROM generate_series(1, 9) AS n",
    )
    const { status, stdout } = await runCommand(url, ['doctor', '--orphans', 'remove', '--yes', '--json'])
    t.equal(status, 0)
    t.match(JSON.parse(stdout), { owners_of_items: 10, missing_owners: 9, orphaned_items: 9 })
    t.match(await query(url, 'SELECT count(*)::int FROM items'), [{ count: 1 }])
  })

/** Statements of Prisma's model of items, which only tests use: `findModelUses` finds no use in the sources. */
const ofModel = /"public"\."items"/

/** Returns what the service has executed on partitions of the items, also for a database that was connected by postgres_fdw. */
function onItems(executions: Execution[]): Execution[] {
  return executions.filter(
    ({ session, text, partitions }) =>
      partitions.length > 0 && session !== testSession && session !== 'postgres_fdw' && !ofModel.test(text),
  )
}

/** Returns the statements that have touched several partitions at once, without repetitions. */
function findStrays(executions: Execution[]): string[] {
  const strays = onItems(executions).filter(({ partitions }) => partitions.length > 1)
  return [...new Set(strays.map(({ text }) => text))]
}

/** Returns the statements of the sources that were not executed on partitions. */
function findUnseen(folders: string[], executions: Execution[]): string[] {
  const executed = [...new Set(onItems(executions).map(({ text }) => text))]
  return findSourceStatements(folders)
    .filter(({ pattern }) => !executed.some((statement) => pattern.test(statement)))
    .map(({ text }) => text)
}

t.test('each statement of the service on items has concerned one partition', async (t) => {
  const executions = await server.readExecutions()
  t.strictSame(
    [...new Set(findStrays(executions).map((statement) => reasonFor(statement, ofAllOwners)))],
    reasonsOf(ofAllOwners),
  )
  t.strictSame(
    findUnseen(sources, executions).map((statement) => reasonFor(statement, ofUndividedItems)),
    reasonsOf(ofUndividedItems),
    'every statement of the sources is among them',
  )
  t.strictSame(findModelUses(sources), [], 'and there are no others')
})

t.test('a statement that names no owner is found, and so is one that was not executed', async (t) => {
  const url = await copyOf(partitioned)
  const client = new pg.Client(url)
  await client.connect()
  t.teardown(() => client.end())
  const ofOneOwner = 'SELECT title FROM items WHERE owner_id = $1::uuid'
  const ofOthers = [
    'SELECT title FROM items WHERE id = $1::uuid',
    "UPDATE items SET title = 'x' WHERE id = $1::uuid",
    'DELETE FROM items WHERE id = $1::uuid',
    'INSERT INTO items (id, owner_id, item_id) SELECT $1::uuid, md5(n::text)::uuid, n FROM generate_series(1, 9) AS n',
  ]
  for (const statement of [ofOneOwner, ...ofOthers])
    await client.query(statement, ['00000000-0000-7000-8000-000000000000'])
  const executions = await server.readExecutions()
  t.strictSame(findStrays(executions), ofOthers)
  const unseen = 'SELECT title FROM items WHERE title = $1'
  const folder = t.testdir({
    'store.ts': `query('${ofOneOwner}'); query(\`${unseen}\${condition}\`); database.item.count()`,
  })
  t.strictSame(findUnseen([folder], executions), [`${unseen}…`])
  t.match(findModelUses([folder]), [/store\.ts:1$/])
})
