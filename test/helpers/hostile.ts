/**
 * Defaults of a server, a database or a role that would change the meaning of statements. The whole suite runs on a server
 * with these.
 */
export const hostileDefaults = {
  TimeZone: 'Asia/Kathmandu',
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'sql_standard',
  client_encoding: 'LATIN1',
  standard_conforming_strings: 'off',
  escape_string_warning: 'off',
  bytea_output: 'escape',
  array_nulls: 'off',
  transform_null_equals: 'on',
  extra_float_digits: '-15',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  search_path: 'nothing',
  synchronous_commit: 'off',
}

/** Defaults that would end sessions, statements or transactions. */
export const impatientDefaults = {
  statement_timeout: '15',
  lock_timeout: '1',
  idle_in_transaction_session_timeout: '15',
  idle_session_timeout: '15',
  // Only some versions have it, so no session can override it before its first statement, which takes longer under load.
  transaction_timeout: '250',
  exit_on_error: 'on',
}

/** Defaults that the service requires of a server, a database or a role behind a pooler. */
export const plainDefaults = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  bytea_output: 'hex',
  array_nulls: 'on',
  transform_null_equals: 'off',
  extra_float_digits: '1',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  search_path: 'public',
}

/** Settings that keep sessions and statements from being ended. */
const unlimited = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_session_timeout: '0',
  exit_on_error: 'off',
}

/** Name of the sessions in which tests execute statements of their own. The service's sessions have none. */
export const testSession = 'latchkey-test'

/** Connection options that make the sessions of tests independent of the defaults. */
export const plainOptions = Object.entries({
  ...plainDefaults,
  ...unlimited,
  application_name: testSession,
})
  .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
  .join(' ')
