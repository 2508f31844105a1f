import { type TSchema, Type } from 'typebox'
import { Default, Errors } from 'typebox/value'
import { OperatorError } from '../lifecycle/operator-error.js'
import { fileVariable, findRefusedNames } from './names.js'
import { readSecretFile } from './secret-file.js'
import { type Setting, type SettingName, Settings } from './settings/index.js'

const declarations = Object.entries(Settings.properties) as [SettingName, TSchema & Setting][]

/**
 * Returns the settings in the environment, checked one by one, with their defaults. An empty variable counts as not set.
 *
 * @throws OperatorError naming every setting that is unknown or invalid, never its value
 */
export function readEnvironment(environment: NodeJS.ProcessEnv): Settings {
  const given = declarations.flatMap(([name, declaration]) => {
    const text = readText(name, declaration, environment)
    return text ? [[name, parse(text, declaration)]] : []
  })
  const settings = Default(Settings, Object.fromEntries(given))
  const problems = [...findRefusedNames(environment), ...findProblems(settings)]
  if (problems.length > 0) throw new OperatorError(problems.join('; '))
  return settings as Settings
}

function readText(
  name: SettingName,
  { secret }: Setting,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  const text = environment[name]
  // Node.js replaces bytes that are not valid UTF-8 by U+FFFD, so that different secrets would become equal.
  if (text?.includes('\uFFFD')) throw new OperatorError(`${name} is not valid UTF-8`)
  const path = secret && environment[fileVariable(name)]
  if (!path) return text
  if (text)
    throw new OperatorError(`${name} and ${fileVariable(name)} exclude each other: set only one of them`)
  return readSecretFile(fileVariable(name), path)
}

/** Returns the value that a text stands for. Where it stands for none, the text remains, for the schema to refuse. */
function parse(text: string, schema: TSchema): unknown {
  if (Type.IsInteger(schema) && /^\d+$/.test(text)) return Number(text)
  if (Type.IsBoolean(schema) && /^(true|false)$/.test(text)) return text === 'true'
  if (Type.IsArray(schema)) return text.split(/[\s,]+/).filter(Boolean)
  return text
}

/** Returns one problem of each setting that is invalid. */
function findProblems(settings: unknown): string[] {
  const problems = new Map<SettingName, string>()
  for (const error of Errors(Settings, settings)) {
    const name = /^\/(\w+)/.exec(error.instancePath)?.[1] as SettingName
    if (!problems.has(name)) problems.set(name, describe(name, error))
  }
  return [...problems.values()]
}

function describe(name: SettingName, { keyword, message }: ReturnType<typeof Errors>[number]): string {
  const { expected } = Settings.properties[name]
  return `${name} ${keyword === '~refine' ? message : `must be ${expected}`}`
}
