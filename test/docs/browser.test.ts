import type { Page } from 'playwright-core'
import t from 'tap'
import { startBrowser, withoutBrowser } from '../helpers/browser.js'
import { startService } from '../helpers/service.js'

/** Presses Try it out and Execute of an operation, and returns the response that the page shows. */
async function execute(page: Page, operation: string): Promise<string> {
  const block = page.locator(`[id$="${operation}"]`)
  await block.locator('.opblock-summary').click()
  await block.getByRole('button', { name: 'Try it out' }).click()
  await block.getByRole('button', { name: 'Execute' }).click()
  const answer = block.locator('.live-responses-table .response')
  return `${await answer.locator('.response-col_status').first().innerText()} ${await answer.locator('pre').first().innerText()}`
}

t.test('the documentation pages in a browser', { skip: withoutBrowser }, async (t) => {
  const { origin } = await startService(t, {}, 'dist/src/server.js')
  const openPage = await startBrowser(t, origin)

  t.test('Swagger UI: Authorize, log in, reload, see the user and their items', async (t) => {
    const { page, problems } = await openPage()
    await page.goto(`${origin}/docs`)
    await page.getByRole('button', { name: 'Authorize' }).first().click()
    const schemes = await page.locator('.modal-ux h4').allInnerTexts()
    t.match(schemes[0], 'OAuth2PasswordBearer', 'the login of users comes first')
    t.equal(schemes.length, 3)
    t.equal(await page.evaluate('document.activeElement.id'), 'oauth_username', 'and has the focus')
    await page.locator('#oauth_username').fill('johndoe')
    await page.locator('#oauth_password').fill('secret')
    await page.locator('.modal-ux button.authorize').first().click()
    await page.getByRole('heading', { name: 'Authorized' }).waitFor()
    await page.locator('.modal-ux .btn-done').first().click()

    await page.reload()
    const kept = await page.evaluate<string>('JSON.stringify(localStorage)')
    t.match(kept, 'access_token')
    t.notMatch(kept, /\bsecret\b|lkr_/)
    t.match(
      await execute(page, 'read_users_me_users_me__get'),
      /^200[\s\S]*"username": "johndoe"[\s\S]*"full_name": "John Doe"/,
    )
    t.match(await execute(page, 'read_own_items_users_me_items__get'), /^200[\s\S]*"item_id": "Foo"/)
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true })
    t.same(problems, [])
  })

  t.test('Swagger UI follows the color scheme', async (t) => {
    const { page, problems } = await openPage({ colorScheme: 'dark' })
    await page.goto(`${origin}/docs`)
    await page.locator('html.dark-mode').waitFor()
    await page.emulateMedia({ colorScheme: 'light' })
    await page.locator('html:not(.dark-mode)').waitFor()
    t.same(problems, [])
  })

  t.test('ReDoc shows the operations', async (t) => {
    const { page, problems } = await openPage()
    await page.goto(`${origin}/redoc`)
    await page.getByRole('heading', { name: 'Login For Access Token' }).waitFor()
    await page.getByRole('heading', { name: 'Read Own Items' }).waitFor()
    if (process.env.SCREENSHOT)
      await page.screenshot({ path: process.env.SCREENSHOT.replace('.png', '-redoc.png') })
    t.same(problems, [])
  })
})
