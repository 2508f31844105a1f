import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startEmbeddedPostgres } from '../../../src/database/embedded/index.js'
import { partitionName } from '../../helpers/sharding.js'
import { until } from '../../helpers/wait.js'
import { makeFolder } from '../folder.js'
import { query } from '../query.js'
import { toOneLine } from './source-statements.js'

/** A statement on partitions of the items that a server has executed, also one within a function. */
export interface Execution {
  /** Name of the session. */
  session: string
  /** The statement, without line breaks. */
  text: string
  /** The partitions that were read or written. */
  partitions: string[]
}

/** A PostgreSQL server that logs the plan of each statement that it executes. */
export interface LoggingServer {
  url: string
  /** Returns what has been executed since the last call. */
  readExecutions(): Promise<Execution[]>
}

/** Name of the log, without its suffix. */
const logName = 'statements'

const settings = [
  ...['fsync=off', 'full_page_writes=off', 'autovacuum=off', 'max_connections=300', 'scram_iterations=1'],
  // A plan that is made once for all values: what it skips, it skips while it is executed.
  'plan_cache_mode=force_generic_plan',
  'shared_preload_libraries=auto_explain',
  ...['log_min_duration=0', 'log_analyze=on', 'log_timing=off', 'log_triggers=on', 'log_format=json'].map(
    (setting) => `auto_explain.${setting}`,
  ),
  'auto_explain.log_nested_statements=on',
  ...['logging_collector=on', 'log_destination=jsonlog', `log_filename=${logName}`, 'log_rotation_size=0'],
  // What starts the server waits for this text, which the collector would otherwise keep from it.
  'log_line_prefix=ready to accept connections ',
]

/** Starts a server, which stops with the test. */
export async function startLoggingServer(t: Test): Promise<LoggingServer> {
  const home = join(await makeFolder(t), 'postgres')
  const { url, stop } = await startEmbeddedPostgres(home, settings)
  t.teardown(stop)
  const log = join(home, `cluster/log/${logName}.json`)
  await until(() =>
    query(url, 'SELECT').then(
      () => true,
      () => false,
    ),
  )
  let marks = 0
  let known = 0
  return {
    url,
    async readExecutions() {
      const mark = `SELECT 'mark ${++marks}'`
      await query(url, mark)
      let written = ''
      // The collector writes what it receives in order.
      await until(() => {
        written = readFileSync(log, 'utf8').slice(known)
        return written.includes(mark)
      })
      known += written.length
      return written
        .split('\n')
        .filter((line) => /plan:.*\bitems_\d/.test(line))
        .map(toExecution)
    },
  }
}

/** Members of a line of the log. */
interface LogLine {
  application_name?: string
  message: string
}

/** What auto_explain writes about a statement. */
interface Explained {
  'Query Text': string
  Plan: PlanNode
  Triggers: { Relation: string }[]
}

interface PlanNode {
  'Relation Name'?: string
  'Actual Loops': number
  Plans?: PlanNode[]
}

function toExecution(line: string): Execution {
  const { application_name: session = '', message } = JSON.parse(line) as LogLine
  const explained = JSON.parse(message.slice(message.indexOf('{'))) as Explained
  const touched = [
    ...executedRelations(explained.Plan),
    // The plan of an insertion does not name partitions, but the triggers of those that it reached.
    ...explained.Triggers.map(({ Relation }) => Relation),
  ].filter((relation) => partitionName.test(relation))
  return {
    session,
    text: toOneLine(explained['Query Text']).trim(),
    partitions: [...new Set(touched)].sort(),
  }
}

/** Returns the relations of all nodes of a plan that were executed. */
function executedRelations(root: PlanNode): string[] {
  const relations: string[] = []
  const nodes = [root]
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    nodes.push(...(node.Plans ?? []))
    if (node['Actual Loops'] > 0 && node['Relation Name']) relations.push(node['Relation Name'])
  }
  return relations
}
