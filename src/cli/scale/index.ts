import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addDistribute } from './distribute.js'
import { addRebalance } from './rebalance.js'
import { addScaleStatus } from './status.js'
import { addUndistribute } from './undistribute.js'

const commands = [addScaleStatus, addDistribute, addRebalance, addUndistribute]

/** `latchkey scale …` */
export function addScaleCommands(program: Command, io: Io): void {
  const scale = program
    .command('scale')
    .description('distribute items over the servers of a Citus cluster, and bring them back')
  for (const addCommand of commands) addCommand(scale, io)
}
