import t from 'tap'
import { lineBreak, maxRowLength } from '../../src/backup/archive.js'
import { createArchiveLines } from '../../src/backup/archive-lines.js'
import { query } from '../database/query.js'
import {
  backUp,
  contentOf,
  migratedDatabase,
  type OpenArchive,
  putTogether,
  takeApart,
} from '../helpers/archives.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

t.test('rows that COPY would read, but does not write, are refused at both doors', async (t) => {
  const file = await backUp(t, await cloneDatabase(t))
  const url = await migratedDatabase(t)
  const before = await contentOf(url)
  const cases: Record<string, (users: string) => string> = {
    'an end of all rows, as Windows writes it': (users) => `\\.\r\n${users}`,
    'rows as Windows writes them': (users) => users.replaceAll('\n', '\r\n'),
    'an end of all rows behind a row': (users) => users.replace('\n', '\\.\n'),
    'an escaped line break': (users) => users.replace('\tjohndoe\t', '\tjohn\\\ndoe\t'),
    'an octal number': (users) => users.replace('\tjohndoe\t', '\tjohn\\144oe\t'),
  }
  for (const [what, change] of Object.entries(cases)) {
    const archive: OpenArchive = takeApart(file)
    archive.rows.users = change(String(archive.rows.users))
    const changed = await putTogether(t, archive)
    for (const args of [
      ['backup', 'verify', changed],
      ['restore', changed],
    ])
      t.match(
        await runCommand(url, args),
        {
          status: 1,
          stdout: '',
          stderr: 'latchkey: the archive is damaged: it has a row that COPY does not write\n',
        },
        `${what}: ${args[0]}`,
      )
  }
  t.strictSame(await contentOf(url), before)
})

t.test('a restore is refused if the database does not store every row', async (t) => {
  const url = await cloneDatabase(t)
  const restored = await migratedDatabase(t)
  // No trigger of a table fires, but one of a partition does.
  for (const place of [url, restored])
    await query(
      place,
      `CREATE TABLE parts (n int) PARTITION BY LIST (n);
       CREATE TABLE part PARTITION OF parts DEFAULT;
       CREATE FUNCTION skip_two() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.n = 2 THEN RETURN NULL; END IF; RETURN new; END'`,
    )
  await query(url, 'INSERT INTO parts SELECT generate_series(1, 3)')
  await query(
    restored,
    'CREATE TRIGGER skip_two BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION skip_two()',
  )
  const before = await contentOf(restored)
  t.match(await runCommand(restored, ['restore', await backUp(t, url)]), {
    status: 1,
    stdout: '',
    stderr: 'latchkey: the archive was refused by the database: it stored 2 of 3 rows of parts\n',
  })
  t.strictSame(await contentOf(restored), before)
})

/** Longest value of each column in the text format of COPY, which escapes characters, some as many as four bytes (bytes). */
const longestValues = `
  SELECT attrelid::regclass::text AS table, CASE
    WHEN typname IN ('varchar', 'bpchar') AND atttypmod > 4 THEN 4 * (atttypmod - 4)
    WHEN typname = '_varchar' AND atttypmod > 4 THEN 100 * 4 * (atttypmod - 4 + 1)
    WHEN typname = 'jsonb' THEN 2 * 131072
    WHEN typname = 'bytea' THEN 2 * 8192
    WHEN typcategory IN ('B', 'D', 'N', 'T') OR typname IN ('uuid', 'xid8') THEN 64
  END AS bytes
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND relname <> '_prisma_migrations' AND attnum > 0 AND NOT attisdropped`

t.test('an archive can have the longest row of every table', async (t) => {
  const columns = await query<{ table: string; bytes: number | null }>(await cloneDatabase(t), longestValues)
  const lengths = new Map<string, number>()
  for (const { table, bytes } of columns) lengths.set(table, (lengths.get(table) ?? 0) + (bytes ?? Infinity))
  t.ok(lengths.size > 20)
  for (const [table, length] of lengths)
    t.ok(length < maxRowLength, `${table}: ${length} bytes`, { table, length })
})

t.test('rows are found wherever the chunks end', async (t) => {
  const content = Buffer.from('{}\na\\\\.\n\\\\.\n\\.\nrest\n')
  for (let size = 1; size <= content.length; size++) {
    const lines = createArchiveLines(chunksOf(content, size))
    t.equal(String(await lines.readLine()), '{}\n')
    const rows: Buffer[] = []
    for await (const chunk of lines.readRows()) rows.push(chunk)
    t.equal(String(Buffer.concat(rows)), 'a\\\\.\n\\\\.\n', `chunks of ${size} bytes`)
    t.equal(String(await lines.readLine()), 'rest\n')
    await lines.requireEnd()
  }
})

t.test('a long row is copied once', async (t) => {
  const row = Buffer.alloc(maxRowLength, 'x')
  row[row.length - 1] = lineBreak
  const concat = t.capture(Buffer, 'concat', Buffer.concat)
  const { value } = await createArchiveLines(chunksOf(row, 1_024)).readRows().next()
  t.ok(row.equals(value as Buffer))
  const copied = concat().flatMap(({ args: [parts] }) => parts.map(({ length }) => length))
  t.equal(
    copied.reduce((total, length) => total + length),
    row.length,
  )
})

t.test('a row without an end is read up to its maximum length', async (t) => {
  let given = 0
  async function* endless() {
    for (;;) {
      given += 1_024
      yield Buffer.alloc(1_024, 'x')
    }
  }
  await t.rejects(createArchiveLines(endless()).readRows().next(), {
    message: 'the archive is damaged: it has a line that is too long',
  })
  t.equal(given, maxRowLength + 1_024)
})

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
