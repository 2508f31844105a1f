import t from 'tap'
import { reasonOf } from '../../src/lifecycle/reason.js'

t.test('a reason is one line, without what the client of the database puts around it', async (t) => {
  for (const [message, reason] of [
    ['connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'],
    [' two\n  lines ', 'two lines'],
    ['a table \x1b[2Kusers\u202e', 'a table [2Kusers '],
    [
      "\nInvalid `prisma.user.findMany()` invocation:\n\n\nCan't reach database server at 127.0.0.1:1",
      "Can't reach database server at 127.0.0.1:1",
    ],
    [
      '\nInvalid `prisma.$queryRaw()` invocation:\n\n\nRaw query failed. Code: `42P01`. Message: `relation "x" does not exist`',
      'relation "x" does not exist',
    ],
    [
      '\nInvalid `prisma.role.create()` invocation:\n\n\nDatabase error. Code: `53100`. Message: `no `space``',
      'no `space`',
    ],
    ['Invalid `x` given', 'Invalid `x` given'],
    ['', 'ECONNREFUSED'],
  ] as const)
    t.equal(reasonOf(Object.assign(new Error(message), { code: 'ECONNREFUSED' })), reason)
})
