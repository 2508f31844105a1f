import t from 'tap'
import { seed } from '../../prisma/seed.js'
import { openDatabase } from '../../src/database/index.js'
import { cloneDatabase } from '../helpers/database.js'

t.test('seeding again leaves what is there as it is and puts back what is missing', async (t) => {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, await cloneDatabase(t))
  t.teardown(() => database.$disconnect())
  await database.user.update({ where: { username: 'johndoe' }, data: { fullName: 'Johnny', disabled: true } })
  await database.item.updateMany({ data: { title: 'Mine' } })
  await database.user.delete({ where: { username: 'alice' } })

  await seed(database)

  t.match(await database.user.findUnique({ where: { username: 'johndoe' }, include: { items: true } }), {
    fullName: 'Johnny',
    disabled: true,
    items: [{ itemId: 'Foo', title: 'Mine' }],
  })
  t.match(await database.user.findUnique({ where: { username: 'alice' } }), { disabled: true })
  t.equal(await database.user.count(), 2)
  t.equal(await database.item.count(), 1)
})
