import type { Target } from '../../config/database-hosts.js'

/** Values of settings that a server has reported, by their names. */
type Reports = Map<string, string>

/** Settings that show the role of a server. PostgreSQL 14 and later report them when a connection starts. */
const settings = ['in_hot_standby', 'default_transaction_read_only'] as const

/** Asks for the values of these settings. */
export const roleQuery = `
  SELECT CASE WHEN pg_is_in_recovery() THEN 'on' ELSE 'off' END, current_setting('default_transaction_read_only')`

/** Messages of PostgreSQL: a setting and its value, and the answer to the query. */
interface Message {
  parameterName: string
  parameterValue: string
  fields?: string[]
}

/** Adds what a message of the server says to its reports. */
export function readReport(message: unknown, reports: Reports): void {
  const { parameterName, parameterValue, fields } = message as Message
  if (fields) for (const [index, name] of settings.entries()) reports.set(name, String(fields[index]))
  else reports.set(parameterName, parameterValue)
}

/** Returns why a server is not what a connection needs, or null. */
export function findUnsuitability(target: Target, reports: Reports): string | null {
  if (target === 'any') return null
  const isStandby = reports.get('in_hot_standby') === 'on'
  if (target === 'standby') return isStandby ? null : 'is not a standby'
  if (isStandby) return 'is a standby'
  const isReadOnly = reports.get('default_transaction_read_only') === 'on'
  return target === 'read-write' && isReadOnly ? 'is read-only' : null
}
