import t from 'tap'
import { startApp } from '../helpers/app.js'
import { backUp, migratedDatabase } from '../helpers/archives.js'
import { runCommand } from '../helpers/command.js'
import { good, issueTokens, judge, refused, ring, startWithClient } from '../helpers/judged-tokens.js'
import { entryOf, readRevoked } from '../helpers/status.js'

t.test('a restore refuses every token that was issued before', async (t) => {
  const { url, app, secret } = await startWithClient(t)
  const before = await issueTokens(app, secret)
  const file = await backUp(t, url)
  // The backup does not know what follows.
  await runCommand(url, ['tokens', 'revoke', '--client', 'reports'])
  const after = await issueTokens(app, secret)
  t.strictSame(await judge(app, secret, after), good)

  const restored = await migratedDatabase(t)
  t.match(await runCommand(restored, ['restore', file]), { status: 0, stdout: /are revoked\.\n$/ })
  const again = await startApp(t, ring, restored)
  t.strictSame(await judge(again, secret, before), refused, 'those of before the backup')
  t.strictSame(await judge(again, secret, after), refused, 'those of after the backup')
  t.strictSame(await readRevoked(restored, [before.access, before.client]), [true, true])
  t.strictSame(await readRevoked(restored, [after.access]), [true], 'an entry that the backup does not know')

  const fresh = await issueTokens(again, secret)
  t.strictSame(await readRevoked(restored, [fresh.access, fresh.client]), [false, false])
  t.not(entryOf(fresh.access)?.listId, entryOf(after.access)?.listId)
  t.strictSame(await judge(again, secret, fresh), good)
})

t.test(
  'with --keep-tokens they stay valid, and their entries of status lists are not given again',
  async (t) => {
    const { url, app, secret } = await startWithClient(t)
    const before = await issueTokens(app, secret)
    const file = await backUp(t, url)
    await runCommand(url, ['tokens', 'revoke', '--user', 'johndoe'])
    const restored = await migratedDatabase(t)
    t.match(await runCommand(restored, ['restore', file, '--keep-tokens']), {
      status: 0,
      stdout: /Tokens that were revoked since then are valid again until they expire\.\n$/,
    })
    const again = await startApp(t, ring, restored)
    t.strictSame(await judge(again, secret, before), good)
    const fresh = await issueTokens(again, secret)
    t.not(entryOf(fresh.access)?.listId, entryOf(before.access)?.listId)
    t.strictSame(await readRevoked(restored, [before.access, fresh.access]), [false, false])
  },
)
