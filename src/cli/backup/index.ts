import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addBackup } from './create.js'
import { addRestore } from './restore.js'
import { addVerifyBackup } from './verify.js'

/** Adds `latchkey backup`, `backup verify` and `restore`. */
export function addBackupCommands(program: Command, io: Io): void {
  addVerifyBackup(addBackup(program, io), io)
  addRestore(program, io)
}
