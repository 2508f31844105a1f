import { spawnSync } from 'node:child_process'

const { stdout } = spawnSync('go', ['version'], { encoding: 'utf8' })
const [, minor] = /go1\.(\d+)/.exec(stdout) ?? []

/** Reason to skip the tests that need Go, or false. Go 1.21 and later fetch the version that a go.mod names. */
export const skip = Number(minor ?? 0) < 21 && 'Go 1.21 or later is not installed'
