import type { Database } from '../database/index.js'

/** All items of one owner, the oldest first. */
export async function listItems(ownerId: string, database: Database) {
  return database.item.findMany({
    where: { ownerId },
    orderBy: { id: 'asc' },
    select: { itemId: true, title: true },
  })
}
