import { randomBytes } from 'node:crypto'
import t from 'tap'
import { seed } from '../../prisma/seed.js'
import { openDatabase } from '../../src/database/client.js'
import { removeDepartedItems } from '../../src/items/departed-owners.js'
import { cloneDatabase } from '../helpers/database.js'

for (const [what, macKey] of [
  ['without the MAC key of the names', null],
  ['with it', randomBytes(32)],
] as const)
  t.test(`seeding again ${what} neither changes existing users nor restores deleted ones`, async (t) => {
    const settings = { databasePoolSize: 1, databaseTimeoutSeconds: 10 }
    const database = openDatabase(settings, await cloneDatabase(t))
    t.teardown(() => database.$disconnect())
    await database.user.deleteMany()
    await database.formerUsername.deleteMany()
    t.same(await seed(database, macKey), ['johndoe', 'alice'])
    const johndoe = { username: 'johndoe' }
    await database.user.update({ where: johndoe, data: { fullName: 'Johnny', disabled: true } })
    await database.item.updateMany({ data: { title: 'Mine' } })
    await database.user.delete({ where: { username: 'alice' } })
    await removeDepartedItems(database)

    t.same(await seed(database, macKey), ['johndoe'])

    t.match(await database.user.findUnique({ where: johndoe }), { fullName: 'Johnny', disabled: true })
    t.match(await database.item.findMany(), [{ itemId: 'Foo', title: 'Mine' }])
    t.equal(await database.user.count(), 1)
    t.equal(await database.item.count(), 1)
    await database.item.deleteMany()
    await seed(database, macKey)
    t.equal(await database.item.count(), 1, 'a deleted item is restored')
  })
