import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { makeFolder } from '../database/folder.js'
import { query } from '../database/query.js'
import { readRecipe } from './files.js'
import { untilOrExplain } from './limit.js'
import { readEnds } from './logs.js'
import { addresses, type Machine, prepareMachine } from './machine.js'
import type { Network } from './network.js'
import { account, asAccount, startProgram } from './programs.js'

/** A member as Patroni describes it. */
interface Member {
  name: string
  role: 'leader' | 'sync_standby' | 'replica'
  state: string
  timeline?: number
}

/** Three machines, with HAProxy in front of PostgreSQL. */
export interface Cluster {
  /** URL of the database of the primary, through HAProxy. */
  url: string
  /** URL of the database that names the three servers, without HAProxy. */
  hostsUrl: string
  machines: Machine[]
  /** Returns the machine with a role. The cluster must be complete. */
  find(role: Member['role']): Promise<Machine>
  /** Resolves when all machines agree that the primary has two standbys, of which one is synchronous. */
  untilComplete(): Promise<void>
  /** Returns what the machines know of each other, and the ends of all logs. */
  describe(): Promise<string>
}

/** Starts a cluster from the files in deploy/ha/, and creates Latchkey's database in it. */
export async function startCluster(t: Test, network: Network): Promise<Cluster> {
  const folder = await makeFolder(t)
  const machines = await Promise.all(addresses.map((address) => prepareMachine(t, address, network, folder)))
  const proxyLog = join(folder, 'haproxy.log')
  for (const machine of machines) machine.startEtcd()
  for (const machine of machines) machine.startPatroni()

  /** Returns the members as each machine that answers knows them. */
  async function listViews(): Promise<Member[][]> {
    const views = await Promise.all(machines.map(({ patroniUrl }) => readMembers(patroniUrl)))
    return views.filter((members) => members.length > 0)
  }
  async function find(role: Member['role']): Promise<Machine> {
    const [members = []] = await listViews()
    const { name } = members.find((member) => member.role === role) ?? {}
    return machines.find((machine) => machine.name === name) as Machine
  }
  async function describe(): Promise<string> {
    const views = await Promise.all(
      machines.map(
        async ({ name, patroniUrl }) => `${name}: ${JSON.stringify(await readMembers(patroniUrl))}`,
      ),
    )
    return [...views, await readEnds([...machines.flatMap(({ logs }) => logs), proxyLog])].join('\n')
  }
  const untilComplete = () =>
    untilOrExplain('the cluster is complete', async () => isComplete(await listViews()), describe)

  await untilComplete()
  await createDatabase(await find('leader'), network)
  await startProxy(t, network, folder, proxyLog)
  const url = network.translate(`postgresql://latchkey:${password}@127.0.0.1:5000/latchkey`)
  await untilOrExplain('HAProxy knows the primary', () => reachesPrimary(url), describe)
  return {
    url,
    hostsUrl: network.translate(`postgresql://latchkey:${password}@${hosts}/latchkey`),
    machines,
    find,
    untilComplete,
    describe,
  }
}

/** Until HAProxy has checked the servers, it takes each in turn for the primary. */
async function reachesPrimary(url: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2 * addresses.length; attempt += 1) {
    const answer = await query(url, 'SELECT pg_is_in_recovery() AS standby').catch(() => [])
    if (answer[0]?.standby !== false) return false
  }
  return true
}

const password = 'latchkey'
const hosts = addresses.map(({ address }) => `${address}:5432`).join(',')

async function readMembers(patroniUrl: string): Promise<Member[]> {
  try {
    const response = await fetch(`${patroniUrl}/cluster`, { signal: AbortSignal.timeout(1_000) })
    return ((await response.json()) as { members: Member[] }).members
  } catch {
    return []
  }
}

/** Returns whether all machines know the same primary, whom two standbys follow. */
function isComplete(views: Member[][]): boolean {
  const leaders = new Set(views.map((members) => members.find(({ role }) => role === 'leader')?.name))
  return views.length === addresses.length && leaders.size === 1 && views.every(hasStandbys)
}

function hasStandbys(members: Member[]): boolean {
  const leader = members.find(({ role }) => role === 'leader')
  const following = members.filter(
    ({ state, timeline }) => /^(running|streaming)$/.test(state) && timeline === leader?.timeline,
  )
  return following.length === addresses.length && members.some(({ role }) => role === 'sync_standby')
}

/** Creates Latchkey's role and database on the primary, as docs/high-availability.md says. */
async function createDatabase({ folder }: Machine, network: Network): Promise<void> {
  const port = network.translate('5432')
  for (const statement of [
    `CREATE ROLE latchkey LOGIN PASSWORD '${password}'`,
    'CREATE DATABASE latchkey OWNER latchkey',
  ]) {
    const [file, ...args] = asAccount([
      'psql',
      `--host=${folder}`,
      `--port=${port}`,
      `--command=${statement}`,
      'postgres',
    ])
    await promisify(execFile)(String(file), args)
  }
}

async function startProxy(t: Test, network: Network, folder: string, log: string): Promise<void> {
  const configuration = join(folder, 'haproxy.cfg')
  const recipe = readRecipe('haproxy.cfg', {
    'user haproxy': `user ${account}`,
    'group haproxy': `group ${account}`,
  })
  await writeFile(configuration, network.translate(recipe))
  startProgram(t, { command: ['haproxy', '-db', '-f', configuration], enter: [], log })
}
