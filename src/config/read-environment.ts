import { type TSchema, Type } from 'typebox'
import { Default, Errors } from 'typebox/value'
import { OperatorError } from '../lifecycle/operator-error.js'
import { refuseUnknownNames } from './names.js'
import { readSecretFile } from './secret-file.js'
import { type Setting, type SettingName, Settings } from './settings/index.js'

const declarations = Object.entries(Settings.properties) as [SettingName, TSchema & Setting][]

/** Names of the variables that are read: of all settings, and of the files that can hold the secret ones. */
const variables: ReadonlySet<string> = new Set(
  declarations.flatMap(([name, { secret }]) => (secret ? [name, fileVariable(name)] : [name])),
)

/**
 * Returns the settings in the environment, checked one by one, with their defaults. An empty variable counts as not set.
 *
 * @throws OperatorError naming the setting that is unknown or invalid, never its value
 */
export function readEnvironment(environment: NodeJS.ProcessEnv): Settings {
  refuseUnknownNames(
    Object.keys(environment).filter((name) => environment[name]),
    variables,
  )
  const given = declarations.flatMap(([name, declaration]) => {
    const text = readText(name, declaration, environment)
    return text ? [[name, parse(text, declaration)]] : []
  })
  const settings = Default(Settings, Object.fromEntries(given))
  const [error] = Errors(Settings, settings)
  if (error) throw new OperatorError(describe(error))
  return settings as Settings
}

function readText(
  name: SettingName,
  { secret }: Setting,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  const text = environment[name]
  const path = secret && environment[fileVariable(name)]
  if (!path) return text
  if (text)
    throw new OperatorError(`${name} and ${fileVariable(name)} exclude each other: set only one of them`)
  return readSecretFile(fileVariable(name), path)
}

function fileVariable(name: SettingName): string {
  return `${name}_FILE`
}

/** Returns the value that a text stands for. Where it stands for none, the text remains, for the schema to refuse. */
function parse(text: string, schema: TSchema): unknown {
  if (Type.IsInteger(schema) && /^\d+$/.test(text)) return Number(text)
  if (Type.IsBoolean(schema) && /^(true|false)$/.test(text)) return text === 'true'
  if (Type.IsArray(schema)) return text.split(/[\s,]+/).filter(Boolean)
  return text
}

function describe({ instancePath, keyword, message }: ReturnType<typeof Errors>[number]): string {
  const name = /^\/(\w+)/.exec(instancePath)?.[1] as SettingName
  const { expected } = Settings.properties[name]
  return `${name} ${keyword === '~refine' ? message : `must be ${expected}`}`
}
