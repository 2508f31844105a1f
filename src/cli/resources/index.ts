import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addAdoptScopes } from './adopt.js'
import { addCreateResource } from './create.js'
import { addDeleteResource } from './delete.js'
import { addListResources } from './list.js'
import { addPrintMetadata } from './metadata.js'
import { addSetDisabled } from './set-disabled.js'
import { addShowResource } from './show.js'
import { addUpdateResource } from './update.js'

const commands = [
  addCreateResource,
  addListResources,
  addShowResource,
  addUpdateResource,
  addAdoptScopes,
  addPrintMetadata,
  addSetDisabled,
  addDeleteResource,
]

/** `latchkey resources …` */
export function addResourceCommands(program: Command, io: Io): void {
  const resources = program
    .command('resources')
    .description('create, list, change, disable and delete resources: audiences with scopes of their own')
  for (const addCommand of commands) addCommand(resources, io)
}
