import { randomBytes } from 'node:crypto'
import { isSingleLine } from '../../database/storable.js'
import { bcryptWork, maxCost, minCost } from '../../passwords/schemes/bcrypt.js'
import type { Work } from '../../passwords/schemes/scheme.js'
import { createUnusableHash, isUnusableHash } from '../../passwords/unusable-hash.js'
import { maxHashLength, parseHash } from '../../passwords/verify.js'
import { findEmailProblem, findNameProblem, findUnusableName } from '../account-rules.js'
import { maxUserScopes as maxNames } from '../administration/managed-user-schema.js'
import type { AccountField } from '../store/exports.js'
import type { ImportedAccount } from '../store/import-outcomes.js'
import type { Grantable } from '../store/scopes.js'

/** Values of a row. Those of CSV files are texts, which may also be empty. */
export type AccountRow = Partial<Record<AccountField, unknown>>

/** Maximum length of the text that holds a hash: its bytes in hexadecimal. */
const maxStoredHashLength = 2 * maxHashLength + 2
/** Matches what Django (`!`) and Linux (`!`, `*`) store instead of a hash for a user without a password. */
const hashPlaceholder = /^(?:$|!|\*)/

/** Maximum lengths of texts (characters): those of their columns. */
export const maxLengths = { username: 255, email: 254, fullName: 255, subject: 255 }

/** Rules for reading rows. */
export interface RowRules {
  /** Whether usernames that registration would refuse are accepted. */
  force: boolean
  /** Whether an address counts as verified if the row does not say. */
  emailsVerified: boolean
}

/** Thrown for a row that cannot be imported. The message says why. */
export class RowProblem extends Error {
  /** Username of the row, if that is known. */
  readonly username: string | null

  constructor(message: string, username: string | null = null) {
    super(message)
    this.username = username
  }
}

/** Returns the account that a row describes. @throws RowProblem */
export function readAccount(
  row: AccountRow,
  { force, emailsVerified }: RowRules,
  grantable: Grantable,
): ImportedAccount {
  const email = readEmail(row)
  const isVerified = readBoolean(row, 'email_verified', emailsVerified)
  return {
    username: readUsername(row, force),
    email: isVerified ? email : null,
    pendingEmail: isVerified ? null : email,
    fullName: readLine(row, 'full_name', maxLengths.fullName),
    disabled: readBoolean(row, 'disabled', false),
    passwordChangeRequired: readBoolean(row, 'password_change_required', false),
    scopes: readNames(row, 'scopes', grantable.scopes),
    roles: readNames(row, 'roles', grantable.roles),
    subject: readSubject(row) ?? newSubject(),
    ...readHash(row),
  }
}

/** Reads a username by the rules of registration or, if forced, one that the database can hold and a URL can name. */
function readUsername(row: AccountRow, force: boolean): string {
  const username = readLine(row, 'username', maxLengths.username)
  if (username === null) throw new RowProblem('username is missing')
  const unusable = findUnusableName(username)
  if (unusable) throw new RowProblem(`username ${unusable}`)
  const problem = force ? undefined : findNameProblem(username)
  if (problem) throw new RowProblem(`username ${problem}; --force accepts it`)
  return username
}

function readEmail(row: AccountRow): string | null {
  const email = readLine(row, 'email', maxLengths.email)
  const problem = email === null ? undefined : findEmailProblem(email)
  if (problem) throw new RowProblem(`email ${problem}`)
  return email
}

/** Reads a list, or a text with names between commas, spaces and braces, as PostgreSQL writes arrays. */
function readNames(
  row: AccountRow,
  field: 'scopes' | 'roles',
  known: Grantable['scopes' | 'roles'],
): string[] {
  const value = row[field]
  const given: unknown[] = Array.isArray(value) ? value : (textOf(value)?.match(/[^\s,{}"]+/g) ?? [])
  const names = [...new Set(given)]
  if (names.length > maxNames) throw new RowProblem(`${field} must have at most ${maxNames} names`)
  if (!names.every((name): name is string => known.has(name as string)))
    throw new RowProblem(`${field} must be among the ${field} that users can have`)
  return names
}

/** Reads the `sub` of the user's tokens for other resources. @throws RowProblem */
function readSubject(row: AccountRow): string | null {
  const subject = readLine(row, 'subject', maxLengths.subject)
  if (subject !== null && (!/^[\x21-\x7E]+$/.test(subject) || subject.startsWith('client:')))
    throw new RowProblem(
      'subject must have only printable ASCII characters, no space, and not begin with "client:"',
    )
  return subject
}

/** Returns a random subject, as the database gives users who are not imported. */
function newSubject(): string {
  return randomBytes(16).toString('base64url')
}

/** Reads a password hash. Those of bcrypt become the user's own; all others count until the first login. */
function readHash(row: AccountRow): Pick<ImportedAccount, 'hashedPassword' | 'importedHash'> {
  const text = unwrapHash(readLine(row, 'hashed_password', maxStoredHashLength) ?? '')
  if (hashPlaceholder.test(text)) return { hashedPassword: createUnusableHash(), importedHash: null }
  const hash = parseHash(text)
  if (!hash) throw new RowProblem('hashed_password has an unknown format')
  if (!hash.isAffordable)
    throw new RowProblem(
      hash.work.kind === 'bcrypt'
        ? `hashed_password has a bcrypt cost outside of ${minCost} to ${maxCost}`
        : 'hashed_password costs too much to verify',
    )
  const own = /^(?:bcrypt\$)?(\$2[aby]\$.*)$/.exec(text)?.[1]
  if (own !== undefined) return { hashedPassword: own, importedHash: null }
  return { hashedPassword: createUnusableHash(), importedHash: { hash: text, work: hash.work } }
}

/** Returns the hash in a text that holds its bytes, as PostgreSQL shows them or as Python writes them. */
function unwrapHash(text: string): string {
  const [, hexadecimal] = /^\\x((?:[\da-f]{2})+)$/.exec(text) ?? []
  if (hexadecimal !== undefined) return Buffer.from(hexadecimal, 'hex').toString('latin1')
  return /^b'(.*)'$/.exec(text)?.[1] ?? text.trim()
}

/** Returns the work of verifying the hash of an account. */
export function workOf({ hashedPassword, importedHash }: ImportedAccount): Work {
  return importedHash ? importedHash.work : bcryptWork(Number(hashedPassword.slice(4, 6)))
}

/** Returns whether an account has a password. A user without one sets it by a mailed link. */
export function hasPassword({ hashedPassword, importedHash }: ImportedAccount): boolean {
  return importedHash !== null || !isUnusableHash(hashedPassword)
}

/** Returns a text, boolean or number as a text; undefined for any other value. */
export function textOf(value: unknown): string | undefined {
  return ['string', 'boolean', 'number'].includes(typeof value) ? String(value) : undefined
}

function readBoolean(row: AccountRow, field: AccountField, otherwise: boolean): boolean {
  const value = row[field]
  if (value === undefined || value === null || value === '') return otherwise
  const text = String(textOf(value)).toLowerCase()
  if (['true', 't', '1'].includes(text)) return true
  if (['false', 'f', '0'].includes(text)) return false
  throw new RowProblem(`${field} must be true or false`)
}

function readLine(row: AccountRow, field: AccountField, maxLength: number): string | null {
  const value = row[field]
  if (value === undefined || value === null || value === '') return null
  if (typeof value !== 'string') throw new RowProblem(`${field} must be a text`)
  if (value.length > maxLength || !isSingleLine(value))
    throw new RowProblem(`${field} must have at most ${maxLength} characters and no control characters`)
  return value
}
