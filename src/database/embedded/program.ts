import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Account } from './account.js'

/** A running program of PostgreSQL, which is interrupted when its standard input closes. */
export type Program = ChildProcessByStdio<Writable, null, Readable>

/**
 * Shell script that runs a command until the script's standard input closes, then interrupts the command and waits for
 * its end. This process holds the other end of the pipe, so the command ends with it even if it is killed.
 */
const runUntilInputCloses = `
exec 3<&0
"$@" </dev/null 3<&- & program=$!
{ read -r _ <&3; kill -INT "$program"; } 2>/dev/null &
exec 3<&-
wait "$program"`

/**
 * Starts a program in a process group of its own: a Ctrl-C does not reach it, and a server serves until the last request is
 * answered.
 */
export function startProgram(account: Account, path: string, args: string[]): Program {
  return spawn('/bin/sh', ['-c', runUntilInputCloses, 'sh', path, ...args], {
    ...account,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
}

/** Kills a program and its children, if they still run. */
export function killProgram({ pid }: Pick<Program, 'pid'>): void {
  try {
    process.kill(-Number(pid), 'SIGKILL')
  } catch {
    // It has ended.
  }
}
