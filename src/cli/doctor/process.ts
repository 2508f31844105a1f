import type { Config } from '../../config/index.js'
import { findUnsafeSettings } from '../../config/production.js'
import type { Io } from '../io.js'
import { type Finding, finding } from './finding.js'
import { lastSupportedDay } from './node-releases.js'

export function checkNode({ nodeVersion, now }: Io): Finding {
  const lastDay = lastSupportedDay(nodeVersion)
  return finding('Node.js', lastDay === null || now.toISOString().slice(0, 10) <= lastDay, {
    ok: `version ${nodeVersion}`,
    warn: `version ${nodeVersion} has had no security fixes since ${lastDay}: use Node.js 24`,
  })
}

export function checkSettings(config: Config, environment: NodeJS.ProcessEnv): Finding[] {
  const state = config.production ? 'fail' : 'warn'
  const unsafe = findUnsafeSettings(config, environment)
  if (unsafe.length === 0) return [{ state: 'ok', check: 'settings', explanation: 'safe for production' }]
  return unsafe.map(({ setting, problem }) => ({ state, check: setting, explanation: problem }))
}
