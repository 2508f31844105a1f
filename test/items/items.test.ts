import t from 'tap'
import { getAs, logIn, startApp } from '../helpers/app.js'

t.test('a user sees his own items alone, the oldest first, with the title when there is one', async (t) => {
  const app = await startApp(t)
  const owners = await app.database.user.findMany({ select: { id: true, username: true } })
  const idOf = (name: string) => owners.find(({ username }) => username === name)?.id as string
  await app.database.item.create({ data: { ownerId: idOf('johndoe'), itemId: 'Bar', title: 'A bar' } })
  await app.database.item.create({ data: { ownerId: idOf('alice'), itemId: 'Foo' } })
  await app.database.item.create({ data: { ownerId: idOf('johndoe'), itemId: 'Aaa', description: 'hidden' } })

  const response = await getAs(app, await logIn(app, 'johndoe', 'secret'), '/users/me/items/')
  t.equal(
    response.body,
    '[{"item_id":"Foo","owner":"johndoe"},{"item_id":"Bar","owner":"johndoe","title":"A bar"},{"item_id":"Aaa","owner":"johndoe"}]',
  )
})
