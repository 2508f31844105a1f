#!/usr/bin/env node
import { endWithReader } from './output.js'
import { runCommandLine } from './program.js'

for (const output of [process.stdout, process.stderr]) endWithReader(output, process.exit)

process.exit(await runCommandLine(process.argv.slice(2), process))
