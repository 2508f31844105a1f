import type { Database } from '../src/database/index.js'

/** The tutorial's two users: johndoe's password is `secret`, alice's is `secret2`. */
const users = [
  {
    username: 'johndoe',
    fullName: 'John Doe',
    email: 'johndoe@example.com',
    hashedPassword: '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW',
    disabled: false,
    items: [{ itemId: 'Foo' }],
  },
  {
    username: 'alice',
    fullName: 'Alice Wonderson',
    email: 'alice@example.com',
    hashedPassword: '$2b$12$qRHr6CaaMyskJwvVvszCnOkhV3FOIG4YNKg46O6Wdu8MtzMTetoGG',
    disabled: true,
    items: [],
  },
]

/** Names the lock that lets one process seed at a time. */
const seedLock = 0x1a7c4e03

/** Puts the tutorial's users and item into the database, all or nothing; what is there already stays as it is. */
export async function seed(database: Database): Promise<void> {
  await database.$transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${seedLock})`
    for (const { items, ...user } of users) {
      const { id: ownerId } = await transaction.user.upsert({
        where: { username: user.username },
        create: user,
        update: {},
        select: { id: true },
      })
      await transaction.item.createMany({
        data: items.map((item) => ({ ownerId, ...item })),
        skipDuplicates: true,
      })
    }
  })
}
