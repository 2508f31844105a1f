import type { Command } from 'commander'
import { readConfig } from '../../config/index.js'
import { openDatabase } from '../../database/client.js'
import { borrowServer } from '../../database/provision.js'
import type { Io } from '../io.js'
import { printRows } from '../output.js'
import { CommandError } from '../run.js'
import { checkMigrations, checkReplica, checkServer, checkSessions } from './database.js'
import type { Check, Finding } from './finding.js'
import { checkClients, checkKeys } from './keys.js'
import { checkMail } from './mail.js'
import { checkNode, checkSettings } from './process.js'
import { checkNames, checkUsers } from './users.js'

const checks: Record<string, Check> = {
  server: checkServer,
  sessions: checkSessions,
  replica: checkReplica,
  migrations: checkMigrations,
  keys: checkKeys,
  clients: checkClients,
  users: checkUsers,
  names: checkNames,
  mail: checkMail,
}

/** `latchkey doctor` */
export function addDoctorCommand(program: Command, io: Io): void {
  program
    .command('doctor')
    .description('check Node.js, settings, database, keys and mail, and explain each problem')
    .option('--json', 'print JSON')
    .action(async function runDoctor({ json }: { json?: boolean }) {
      const findings = await runChecks(io)
      const rows = findings.map((finding) => ({ ...finding }))
      printRows(io, rows, ['state', 'check', 'explanation'], json)
      const failures = findings.filter(({ state }) => state === 'fail').length
      if (failures > 0) throw new CommandError(1, `${failures} of ${findings.length} checks failed`)
    })
}

/** Runs all checks one after the other, since each may use the database. */
async function runChecks(io: Io): Promise<Finding[]> {
  const config = readConfig(io.env)
  const findings = [checkNode(io), ...checkSettings(config, io.env)]
  const server = await borrowServer(config)
  const database = openDatabase(config, server.url)
  try {
    for (const [name, check] of Object.entries(checks))
      findings.push(...(await check({ config, database, url: server.url }).catch(toFailure(name))))
    return findings
  } finally {
    await database.$disconnect()
    await server.stop()
  }
}

/** Returns a handler that reports an error in one line. */
function toFailure(check: string) {
  return ({ message }: Error): Finding[] => [
    { state: 'fail', check, explanation: message.trim().replace(/\s+/g, ' ').slice(0, 300) },
  ]
}
