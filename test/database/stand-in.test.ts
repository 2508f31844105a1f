import t from 'tap'
import { standIn } from '../../src/database/stand-in.js'

class Counter {
  count = 0

  increment(): number {
    this.count += 1
    return this.count
  }
}

t.test('the original is opened when a property is first read', async (t) => {
  let opened = 0
  const original = new Counter()
  const counter = standIn(function open() {
    opened += 1
    return original
  })
  const inheriting = Object.assign(Object.create(counter) as Counter, { own: 1 })
  t.equal(inheriting.own, 1)
  t.equal(opened, 0)
  t.equal(inheriting.increment(), 1, 'functions run on the original')
  t.ok(opened > 0)
  t.equal(original.count, 1)
  t.equal(inheriting.count, 1)
  t.notOk(Object.hasOwn(inheriting, 'count'))
})
