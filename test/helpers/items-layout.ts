import { distributeOverCluster } from './cluster.js'
import { distributeItems, partitionItems } from './sharding.js'

/** How the databases of tests store the items. */
interface ItemsLayout {
  /** Changes the template database, which is migrated and has no rows yet. */
  prepareTemplate?(url: string): Promise<void>
  /** Changes a copy of the template. Returns the URLs of databases that are dropped together with it. */
  prepareCopy?(url: string): Promise<string[]>
}

const layouts: Record<string, ItemsLayout> = {
  whole: {},
  partitioned: { prepareTemplate: partitionItems },
  fdw: { prepareCopy: async (url) => [await distributeItems(url)] },
  citus: { prepareCopy: distributeOverCluster },
}

/** Returns a layout: without a name the one of the environment variable TEST_ITEMS_LAYOUT. */
export function layoutOf(name = process.env.TEST_ITEMS_LAYOUT ?? 'whole'): ItemsLayout {
  const layout = layouts[name]
  if (!layout) throw new Error(`TEST_ITEMS_LAYOUT must be one of ${Object.keys(layouts).join(', ')}`)
  return layout
}
