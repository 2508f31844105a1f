import { type Static, Type } from 'typebox'
import { accountSettings } from './accounts.js'
import { databaseSettings } from './database.js'
import { itemSettings } from './items.js'
import type { Setting } from './kinds.js'
import { metricsSettings } from './metrics.js'
import { serverSettings } from './server.js'
import { tokenSettings } from './tokens.js'
import { tracingSettings } from './tracing.js'

export type { Setting } from './kinds.js'

/** Every setting under the name of its environment variable: type, bounds, default and meaning. */
export const Settings = Type.Object({
  ...databaseSettings,
  ...tokenSettings,
  ...accountSettings,
  ...itemSettings,
  ...serverSettings,
  ...tracingSettings,
  ...metricsSettings,
})

/** Values of the settings, parsed and checked. */
export type Settings = Static<typeof Settings>

/** Name of a setting, which is that of its environment variable. */
export type SettingName = keyof typeof Settings.properties

/** A chapter of docs/configuration.md. */
export interface SettingGroup {
  title: string
  settings: Readonly<Record<string, Setting>>
}

/** All settings in the order of docs/configuration.md, which is generated from them. */
export const settingGroups: readonly SettingGroup[] = [
  { title: 'Database', settings: databaseSettings },
  { title: 'Tokens and keys', settings: tokenSettings },
  { title: 'Accounts', settings: accountSettings },
  { title: 'Items', settings: itemSettings },
  { title: 'Server', settings: serverSettings },
  { title: 'Traces', settings: tracingSettings },
  { title: 'Metrics', settings: metricsSettings },
]

/** Former names of settings. A variable with such a name is refused with the new one. */
export const renamedSettings: Readonly<Record<string, SettingName>> = {
  GUESSES_PER_ACCOUNT_AND_NETWORK: 'LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK',
  GUESSES_PER_NETWORK: 'LOGIN_FAILURES_PER_NETWORK',
  GUESSES_PER_ACCOUNT: 'LOGIN_FAILURES_PER_ACCOUNT',
}
