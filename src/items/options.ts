import type { Config } from '../config/index.js'
import type { TransferSlots } from './transfer-slots.js'

/** The two paths that serve items: those of the caller, and those of the user named in the path. */
export type ItemsPath = '/users/me/items/' | '/users/:username/items/'

export interface ItemsOptions {
  path: ItemsPath
  config: Pick<Config, 'importMaxLines' | 'requireIfMatch'>
  slots: TransferSlots
}
