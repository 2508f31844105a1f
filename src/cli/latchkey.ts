#!/usr/bin/env node
import { endWithReader, ignoreErrors } from './output.js'
import { runCommandLine } from './program.js'

endWithReader(process.stdout, process.exit)
ignoreErrors(process.stderr)

const { argv, env, stdin, stdout, stderr, versions } = process
const io = { env, stdin, stdout, stderr, nodeVersion: versions.node, now: new Date() }
const status = await runCommandLine(argv.slice(2), io)
// What a pipe has not taken yet would be lost.
stdout.write('', () => process.exit(status))
