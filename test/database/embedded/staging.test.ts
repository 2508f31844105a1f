import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { createStaging, finishStaging, removeAbandoned } from '../../../src/database/embedded/staging.js'

/** A process id that no process has: it is above the maximum of Linux. */
const endedPid = 2 ** 22 + 1

t.test('directories of processes that have ended are removed, and no others', async (t) => {
  const place = t.testdir()
  function make(name: string, owner?: string) {
    mkdirSync(join(place, name, 'cluster'), { recursive: true })
    if (owner !== undefined) writeFileSync(join(place, name, '.unfinished'), owner)
  }
  make('postgres-killed', `${endedPid} run`)
  make('copy-killed', `${endedPid} run`)
  make('postgres-reused', `${process.pid} earlier`)
  make('postgres-parent', `${process.ppid} run`)
  make('postgres-marked', '')
  make('postgres-backup')
  make('postgres', `${endedPid} run`)
  make('postgres-of-others', `${endedPid} run`)
  const current = basename(await createStaging(place, 'postgres'))
  await removeAbandoned(place)
  t.strictSame(
    readdirSync(place).sort(),
    [
      'postgres',
      'postgres-backup',
      'postgres-marked',
      'postgres-of-others',
      'postgres-parent',
      current,
    ].sort(),
  )
})

t.test('a finished directory has no mark, and finishing it again does nothing', async (t) => {
  const staging = await createStaging(t.testdir(), 'copy')
  t.match(basename(staging), /^copy-\w{6}$/)
  await finishStaging(staging)
  await finishStaging(staging)
  t.strictSame(readdirSync(staging), [])
})

t.test('what cannot be read or removed is left', async (t) => {
  const place = t.testdir({ 'copy-killed': { '.unfinished': `${endedPid} run` } })
  await t.resolves(removeAbandoned(join(place, 'missing')))
  await t.resolves(Promise.all([removeAbandoned(place), removeAbandoned(place), removeAbandoned(place)]))
  t.strictSame(readdirSync(place), [])
})
