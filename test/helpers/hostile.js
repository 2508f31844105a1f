/**
 * Defaults that a server, a database or a role may have and that would change what our statements mean. The whole suite
 * runs on a server with these.
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

/** Defaults that would end sessions, statements or transactions of ours. */
export const impatientDefaults = {
  statement_timeout: '15',
  lock_timeout: '1',
  idle_in_transaction_session_timeout: '15',
  idle_session_timeout: '15',
  transaction_timeout: '15',
  exit_on_error: 'on',
}

/** Options of connections that tests make for themselves, whatever the defaults are. */
export const plainOptions = [
  ...['TimeZone=UTC', 'DateStyle=ISO', 'client_encoding=UTF8', 'standard_conforming_strings=on'],
  ...['bytea_output=hex', 'default_transaction_isolation=read\\ committed', 'search_path=public'],
  ...['statement_timeout=0', 'lock_timeout=0', 'idle_session_timeout=0', 'exit_on_error=off'],
]
  .map((setting) => `-c ${setting}`)
  .join(' ')
