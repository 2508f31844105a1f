#!/usr/bin/env node
import { endWithReader } from './output.js'
import { runCommandLine } from './program.js'

for (const output of [process.stdout, process.stderr]) endWithReader(output, process.exit)

const { argv, env, stdin, stdout, stderr, versions } = process
const io = { env, stdin, stdout, stderr, nodeVersion: versions.node, now: new Date() }
process.exit(await runCommandLine(argv.slice(2), io))
