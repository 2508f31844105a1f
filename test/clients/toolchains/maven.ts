import { spawnSync } from 'node:child_process'

/** Reason to skip the tests that need Maven, or false. */
export const skip =
  spawnSync('mvn', ['--version']).status !== 0 && 'Maven is not installed, which needs Java 17 or later'
