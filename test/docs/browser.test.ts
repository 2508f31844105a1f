import { existsSync } from 'node:fs'
import { chromium, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startService } from '../helpers/service.js'

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
const withoutBrowser = existsSync(executablePath)
  ? false
  : `no Chromium at ${executablePath}: set CHROMIUM_PATH`

/** Opens a page that records its requests to other hosts, and its errors. */
async function openPage(t: Test, origin: string): Promise<{ page: Page; foreign: string[] }> {
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-sync',
    ],
  })
  t.teardown(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1200, height: 1400 } })
  const foreign: string[] = []
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(origin)) foreign.push(request.url())
  })
  page.on('pageerror', (error) => foreign.push(String(error)))
  return { page, foreign }
}

/** Presses Try it out and Execute of an operation, and returns the response that the page shows. */
async function execute(page: Page, operation: string): Promise<string> {
  const block = page.locator(`[id$="${operation}"]`)
  await block.locator('.opblock-summary').click()
  await block.getByRole('button', { name: 'Try it out' }).click()
  await block.getByRole('button', { name: 'Execute' }).click()
  const answer = block.locator('.live-responses-table .response')
  return `${await answer.locator('.response-col_status').first().innerText()} ${await answer.locator('pre').first().innerText()}`
}

t.test('Swagger UI: Authorize, log in, see the user and their items', { skip: withoutBrowser }, async (t) => {
  const { origin } = await startService(t, {}, 'dist/src/server.js')
  const { page, foreign } = await openPage(t, origin)
  await page.goto(`${origin}/docs`)
  await page.getByRole('button', { name: 'Authorize' }).first().click()
  await page.locator('#oauth_username').fill('johndoe')
  await page.locator('#oauth_password').fill('secret')
  await page.locator('.modal-ux button.authorize').first().click()
  await page.getByRole('heading', { name: 'Authorized' }).waitFor()
  await page.locator('.modal-ux .btn-done').click()

  t.match(
    await execute(page, 'read_users_me_users_me__get'),
    /^200[\s\S]*"username": "johndoe"[\s\S]*"full_name": "John Doe"/,
  )
  t.match(await execute(page, 'read_own_items_users_me_items__get'), /^200[\s\S]*"item_id": "Foo"/)
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true })
  t.same(foreign, [])
})

t.test('ReDoc shows the operations', { skip: withoutBrowser }, async (t) => {
  const { origin } = await startService(t, {}, 'dist/src/server.js')
  const { page, foreign } = await openPage(t, origin)
  await page.goto(`${origin}/redoc`)
  await page.getByRole('heading', { name: 'Login For Access Token' }).waitFor()
  await page.getByRole('heading', { name: 'Read Own Items' }).waitFor()
  if (process.env.SCREENSHOT)
    await page.screenshot({ path: process.env.SCREENSHOT.replace('.png', '-redoc.png') })
  t.same(foreign, [])
})
