#!/usr/bin/env node
import { runCommandLine } from './program.js'

process.exit(await runCommandLine(process.argv.slice(2), process))
