#!/usr/bin/env node
import { runCommandLine } from './program.js'

// A reader such as `head` may close its end early.
for (const output of [process.stdout, process.stderr]) output.on('error', endQuietly)

process.exit(await runCommandLine(process.argv.slice(2), process))

/** Exits with 0 where the reader has what it wanted, else with 1. */
function endQuietly({ code }: NodeJS.ErrnoException): void {
  process.exit(Number(code !== 'EPIPE'))
}
