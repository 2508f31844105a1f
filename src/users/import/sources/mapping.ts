import { OperatorError } from '../../../lifecycle/operator-error.js'
import { type AccountField, accountFields } from '../../store/exports.js'
import { type AccountRow, RowProblem, textOf } from '../account.js'

/** Column that a field is read from. */
interface Column {
  name: string
  /** Whether the field is the opposite of the column, as `disabled` is of `is_active`. */
  isNegated: boolean
  /** Whether every row must have it, as the column of the username and those that the operator named. */
  isRequired: boolean
}

/** Columns by the fields that are read from them. */
export type Mapping = ReadonlyMap<AccountField, Column>

/** Maximum number of columns that are reported as not imported. */
const maxReported = 50

/** Spellings of true and false, with their opposites. */
const opposites = new Map([
  ['true', false],
  ['t', false],
  ['1', false],
  ['false', true],
  ['f', true],
  ['0', true],
])

/**
 * Reads a mapping such as `username=email,disabled=!is_active`. A field that it does not name is read from the column with
 * the same name. One without a column, such as `roles=`, is left out.
 *
 * @throws OperatorError
 */
export function parseMapping(text: string): Mapping {
  const mapping = new Map<AccountField, Column>(
    accountFields.map((field) => [
      field,
      { name: field, isNegated: false, isRequired: field === 'username' },
    ]),
  )
  for (const pair of text === '' ? [] : text.split(',')) {
    const [, field, negation, name] = /^([^=\s]+)=(?:(!?)(\S+))?$/.exec(pair) ?? []
    if (!isField(field) || (name === undefined && field === 'username'))
      throw new OperatorError(
        `"${pair}" must be FIELD=COLUMN, FIELD=!COLUMN or FIELD=, where FIELD is one of ${accountFields.join(', ')}`,
      )
    if (name === undefined) mapping.delete(field)
    else mapping.set(field, { name, isNegated: negation === '!', isRequired: true })
  }
  return mapping
}

/** Returns a function that translates rows by a mapping, and adds the columns that it does not use to a set. */
export function createTranslator(
  mapping: Mapping,
  unused: Set<string>,
): (fields: Record<string, unknown>) => AccountRow {
  const used = new Set([...mapping.values()].map(({ name }) => name))
  return function translate(fields) {
    for (const name of Object.keys(fields)) if (!used.has(name) && unused.size < maxReported) unused.add(name)
    const row: AccountRow = {}
    for (const [field, column] of mapping) row[field] = readColumn(fields, column)
    return row
  }
}

function readColumn(fields: Record<string, unknown>, { name, isNegated, isRequired }: Column): unknown {
  if (!Object.hasOwn(fields, name)) {
    if (isRequired) throw new RowProblem(`the row has no column ${name}; --map names another`)
    return undefined
  }
  const value = fields[name]
  // Any other value is passed on, for the reader of the field to refuse.
  return isNegated ? (opposites.get(String(textOf(value)).toLowerCase()) ?? value) : value
}

function isField(text: string | undefined): text is AccountField {
  return accountFields.includes(text as AccountField)
}
