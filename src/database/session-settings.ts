import type { Limits } from './limits.js'

/**
 * Settings that determine what our statements mean. A role, a database or a server may have other defaults. With another
 * TimeZone, for example, Prisma's adapter would store wrong times, because it sends and reads them without a zone.
 */
export const requiredSettings = {
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
}

/** Settings whose other values would end sessions, or slow them down. */
export const operatingSettings = {
  exit_on_error: 'off',
  idle_session_timeout: '0',
  // PostgreSQL compiles statements that it expects to be slow; compiling them takes longer than they do.
  jit: 'off',
}

/** Returns the settings that limit how long statements take; without limits, settings that switch the defaults off. */
export function limitSettings(limits: Limits | undefined): Record<string, string> {
  return {
    statement_timeout: String(limits?.statementMs ?? 0),
    lock_timeout: String(limits?.lockMs ?? 0),
    idle_in_transaction_session_timeout: String(limits?.statementMs ?? 0),
  }
}

/** Returns settings as the `options` of a connection, where PostgreSQL requires spaces and backslashes to be escaped. */
export function toOptions(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`)
    .join(' ')
}
