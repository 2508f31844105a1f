import { CommanderError } from 'commander'
import type { TSchema } from 'typebox'
import { lastAdministrator, sqlStateOf, violatedForeignKey } from '../database/errors.js'
import { describeFault } from '../database/faults.js'
import { InvalidInput, ServiceError } from '../errors.js'
import { conforms } from '../http/conforms.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { reasonOf } from '../lifecycle/reason.js'
import type { Io } from './io.js'
import { escapeLine, escapeLines, printJson } from './output.js'

/** Exit statuses other than 0 for success. That of an interrupted command is the one that shells report for SIGINT. */
export const exitStatus = {
  failure: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  newer: 5,
  drift: 6,
  interrupted: 130,
} as const

/** Stable codes of errors under `--json`, by exit status. */
const codes: Record<number, string> = {
  [exitStatus.failure]: 'failure',
  [exitStatus.usage]: 'usage',
  [exitStatus.notFound]: 'not_found',
  [exitStatus.refused]: 'refused',
  [exitStatus.newer]: 'newer_schema',
  [exitStatus.drift]: 'changed_migrations',
}

/** Maximum length of an error of the database, or an unexpected one, that is printed in one line (characters). */
const maxUnexpectedLength = 300

/** Syntax of scope-tokens (RFC 6749 §3.3), in words. */
export const scopeRule = 'printable ASCII characters other than space, " and \\'

/** Error that ends a command with one line and an exit status of its own. */
export class CommandError extends OperatorError {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** @throws CommandError if something was not found: a search returned null, or a change false */
export function requireFound<T>(
  found: T,
  kind: 'user' | 'client' | 'resource' | 'role' | 'webhook',
  name: string,
): asserts found is Exclude<T, null | false> {
  if (found === null || found === false)
    throw new CommandError(exitStatus.notFound, `there is no ${kind} ${name}`)
}

/** @throws CommandError with the problem if a value does not conform to its schema */
export function requireValid(schema: TSchema, value: unknown, problem: string): void {
  if (!conforms(schema, value)) throw new CommandError(exitStatus.usage, problem)
}

/** Thrown when Ctrl-C is pressed at a prompt. The command ends without a message. */
export class Interrupted extends Error {}

const lastOne = new CommandError(exitStatus.refused, 'the last administrator cannot be removed')
const deletedMeanwhile = new CommandError(exitStatus.notFound, 'it was deleted concurrently')

/** Options that decide how an error is printed. */
interface ErrorOptions {
  json: boolean
  /** Whether an unexpected error is printed with its stack. */
  verbose: boolean
}

/** Prints an error on standard error, in one line or, for machines, as a JSON object. Returns its exit status. */
export function reportError(thrown: unknown, options: ErrorOptions, io: Io): number {
  const error = toCommandError(thrown)
  if (error instanceof Interrupted) return exitStatus.interrupted
  if (error instanceof CommanderError) return reportUsage(error, options, io)
  const status = error instanceof CommandError ? error.status : exitStatus.failure
  if (error instanceof OperatorError) print(String(codes[status]), error.message, options, io)
  else print('unexpected', describeUnexpected(error as Error), options, io)
  if (options.verbose) io.stderr.write(`${escapeLines(String((error as Error).stack))}\n`)
  return status
}

/** Reports what the parser refuses, which it has printed itself unless JSON is wanted. */
function reportUsage({ exitCode, message, code }: CommanderError, options: ErrorOptions, io: Io): number {
  if (exitCode === 0) return 0
  const text = code === 'commander.help' ? 'a command is missing' : message.replace(/^error: /, '')
  if (options.json) print('usage', text, options, io)
  return exitStatus.usage
}

function print(code: string, message: string, { json }: ErrorOptions, io: Io): void {
  if (json) printJson(io.stderr, { error: { code, message } })
  else io.stderr.write(`latchkey: ${escapeLine(message)}\n`)
}

function describeUnexpected(error: Error): string {
  const line = reasonOf(error).slice(0, maxUnexpectedLength)
  return `unexpected error: ${line}; please report it with the output of --verbose`
}

function toCommandError(thrown: unknown): unknown {
  if (thrown instanceof ServiceError) return refusalOf(thrown)
  if (thrown instanceof InvalidInput) return new CommandError(exitStatus.usage, startLower(thrown.message))
  if (sqlStateOf(thrown) === lastAdministrator) return lastOne
  if (violatedForeignKey(thrown)) return deletedMeanwhile
  return thrown instanceof OperatorError ? thrown : (toFault(thrown) ?? thrown)
}

/** Returns the error of a command that the database has ended, with the stack of its cause. */
function toFault(thrown: unknown): CommandError | undefined {
  const description = describeFault(thrown)
  if (description === undefined) return undefined
  const fault = new CommandError(exitStatus.failure, description.slice(0, maxUnexpectedLength))
  return Object.assign(fault, { stack: (thrown as Error).stack })
}

/** Returns the error of a command that follows the rules of the API. What it works on was found before. */
function refusalOf({ code, message, description }: ServiceError): CommandError {
  if (code === 'not_found') return deletedMeanwhile
  return new CommandError(exitStatus.refused, description ?? startLower(message))
}

/** Returns a message as part of a line of the command line, where messages begin in lower case. */
function startLower(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}
