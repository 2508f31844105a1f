import type { Database } from '../src/database/client.js'
import { addItem } from '../src/items/item-store.js'
import { createUser } from '../src/users/store/accounts.js'

/** The tutorial's two users. The password of johndoe is `secret`, that of alice is `secret2`. */
const users = [
  {
    username: 'johndoe',
    fullName: 'John Doe',
    email: 'johndoe@example.com',
    hashedPassword: '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW',
    disabled: false,
    itemIds: ['Foo'],
  },
  {
    username: 'alice',
    fullName: 'Alice Wonderson',
    email: 'alice@example.com',
    hashedPassword: '$2b$12$qRHr6CaaMyskJwvVvszCnOkhV3FOIG4YNKg46O6Wdu8MtzMTetoGG',
    disabled: true,
    itemIds: [],
  },
]

const noContent = { title: null, description: null, metadata: {} }

/** Key of the advisory lock that lets only one process seed at a time. */
const seedLock = 0x1a7c4e03

/**
 * Inserts the tutorial's users and item in one transaction. Existing rows are left as they are, and a deleted user is not
 * restored.
 *
 * @param macKey key for the digests of usernames; without it, the service claims the usernames when it starts
 * @returns the usernames that exist now
 */
export async function seed(database: Database, macKey: Buffer | null = null): Promise<string[]> {
  const present: string[] = []
  await database.$transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${seedLock})`
    for (const { itemIds, ...user } of users) {
      const { username } = user
      const found = await transaction.user.findUnique({ where: { username }, select: { id: true } })
      const ownerId = found ? found.id : await createUser(user, macKey, transaction)
      if (ownerId === null) continue
      present.push(username)
      const owner = { id: ownerId, username }
      for (const itemId of itemIds) await addItem(owner, itemId, noContent, transaction)
    }
  })
  return present
}
