import type { Command } from 'commander'
import { resourceSubject } from '../../audit/subject.js'
import { changeResource } from '../../resources/manage-resources.js'
import { findResource } from '../../resources/managed-resource-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey resources disable` and `enable` */
export function addSetDisabled(resources: Command, io: Io): void {
  for (const disabled of [true, false]) {
    const verb = disabled ? 'disable' : 'enable'
    resources
      .command(`${verb} <name>`)
      .description(disabled ? 'disable a resource, which ends all tokens for it' : 'enable a resource again')
      .action(
        onDatabase(io, async function setDisabled({ config, database }, [name = ''], { json }) {
          requireFound(await findResource(name, database), 'resource', name)
          await database.$transaction(async (transaction) => {
            await changeResource(name, () => ({ disabled }), config, transaction)
            const action = disabled ? 'resource_disabled' : 'resource_enabled'
            await recordOperation(action, resourceSubject(name), transaction)
          })
          printResult(io, { name, disabled }, `${name} is ${verb}d.`, json)
        }),
      )
  }
}
