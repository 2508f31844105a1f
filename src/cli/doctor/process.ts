import { type Config, readConfig } from '../../config/index.js'
import { noticeUnknownNames } from '../../config/names.js'
import { findUnsafeSettings } from '../../config/production.js'
import type { Io } from '../io.js'
import { type Finding, finding } from './finding.js'
import { lastSupportedDay } from './node-releases.js'

/** Oldest version of Node.js that Latchkey runs on. */
const oldestNode = { major: 20, minor: 19 }

export function checkNode({ nodeVersion, now }: Io): Finding {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(nodeVersion) as RegExpExecArray
  const isTooOld =
    Number(major) < oldestNode.major ||
    (Number(major) === oldestNode.major && Number(minor) < oldestNode.minor)
  if (isTooOld)
    return {
      state: 'fail',
      check: 'Node.js',
      explanation: `version ${nodeVersion}: ${oldestNode.major}.${oldestNode.minor} or later is required`,
    }
  const lastDay = lastSupportedDay(nodeVersion)
  return finding('Node.js', lastDay === null || now.toISOString().slice(0, 10) <= lastDay, {
    ok: `version ${nodeVersion}`,
    warn: `version ${nodeVersion} has had no security fixes since ${lastDay}: use Node.js 24`,
  })
}

/**
 * Checks for settings that production refuses, and for variables that may have been meant as settings. In development,
 * what production would refuse is a warning.
 */
export function checkSettings({ production }: Config, environment: NodeJS.ProcessEnv): Finding[] {
  const inProduction = readConfig({ ...environment, NODE_ENV: 'production' })
  const unsafe = findUnsafeSettings(inProduction, environment).map(
    ({ setting, problem }): Finding => ({
      state: production ? 'fail' : 'warn',
      check: setting,
      explanation: production ? problem : `fit for development only: in production it ${problem}`,
    }),
  )
  const unknown = noticeUnknownNames(environment).map(
    (notice): Finding => ({ state: 'warn', check: 'settings', explanation: notice }),
  )
  const accepted: Finding = { state: 'ok', check: 'settings', explanation: 'none that production refuses' }
  return [...(unsafe.length > 0 ? unsafe : [accepted]), ...unknown]
}
