import type { Locator, Page } from 'playwright-core'
import t from 'tap'
import { startBrowser, withoutBrowser } from '../helpers/browser.js'
import { startService } from '../helpers/service.js'

t.test('the pages in a browser', { skip: withoutBrowser }, async (t) => {
  const service = await startService(t, { DATA_DIRECTORY: t.testdir() }, 'dist/src/server.js')
  const { origin, program } = service
  const openPage = await startBrowser(t, origin)
  const paths = ['/', '/account/confirm-email', '/account/forgot-password', '/account/reset-password']

  for (const colorScheme of ['light', 'dark'] as const)
    t.test(`can be read in a narrow window, ${colorScheme}`, async (t) => {
      const { page, problems } = await openPage({ colorScheme, viewport: { width: 320, height: 600 } })
      for (const path of paths) {
        await page.goto(`${origin}${path}`)
        const { width, contrasts } = await measure(page)
        t.ok(width <= 320, `${path} does not scroll sideways`)
        t.ok(contrasts.length > 3, path)
        for (const { text, ratio } of contrasts) t.ok(ratio >= 4.5, `${path} ${text}: contrast ${ratio}`)
      }
      t.same(problems, [])
    })

  t.test('a mailed link sets a password', async (t) => {
    const { page, problems } = await openPage()
    await page.goto(origin)
    await page.getByText('Forgotten password').click()
    const email = page.getByLabel('E-mail address')
    const send = () => page.getByRole('button', { name: 'Send link' }).click()
    await email.fill('johndoe')
    await send()
    t.match(await describe(email), /^Enter an e-mail address/)
    t.equal(await email.inputValue(), 'johndoe')
    await email.fill('johndoe@example.com')
    await send()
    await page.getByText('an e-mail is on its way').waitFor()
    await program.prints('/account/reset-password#')
    const [fragment] = /#\S+/.exec(program.stdout) ?? []
    const password = page.getByLabel('New password')
    const submit = async (value: string) => {
      await password.fill(value)
      await page.getByRole('button', { name: 'Set password' }).click()
    }

    await page.goto(`${origin}/account/reset-password${fragment}`)
    t.same(problems, [])
    await submit('')
    t.match(await describe(password), 'Enter a new password.')
    await submit('short')
    await page.getByText('The password must have at least 8 characters.').waitFor()
    t.match(await describe(password), /At least 8 .* The password must/)
    t.equal(await password.inputValue(), 'short')
    t.equal(await page.getByLabel('Username').inputValue(), 'johndoe')
    await submit('battery staple')
    await page.getByText('Your password is set').waitFor()
    t.equal(await page.getByRole('button').count(), 0)
    const body = new URLSearchParams({ username: 'johndoe', password: 'battery staple' })
    t.equal((await fetch(`${origin}/token`, { method: 'POST', body })).status, 200)

    for (const link of ['', '#unknown', `#${'x'.repeat(100)}`, fragment])
      for (const path of ['/account/reset-password', '/account/confirm-email']) {
        await page.goto(`${origin}${path}${link}`)
        await page.getByRole('heading', { name: 'This link is not valid' }).waitFor()
        t.equal(await page.getByRole('button').count(), 0)
      }
    await page.getByRole('link', { name: 'request a new password' }).click()
    await email.waitFor()

    await page.route('**/check-link', (route) => route.abort())
    await page.goto(`${origin}/account/confirm-email#token`)
    await page.getByText('The service cannot be reached').waitFor()
  })
})

/** Returns the texts that describe an input. */
async function describe(input: Locator): Promise<string> {
  const ids = (await input.getAttribute('aria-describedby')) ?? ''
  const texts = ids.split(' ').map((id) => input.page().locator(`#${id}`).textContent())
  return (await Promise.all(texts)).join(' ')
}

/** Returns the width of a page, and the contrast of each of its texts with the background (WCAG 2.2 §1.4.3). */
function measure(page: Page): Promise<{ width: number; contrasts: { text: string; ratio: number }[] }> {
  return page.evaluate(`(() => {
    const numbers = (color) => color.match(/[\\d.]+/g).map(Number)
    const luminance = (color) => {
      const [red, green, blue] = numbers(color).map((one) => {
        const share = one / 255
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const backgroundOf = (element) => {
      const { backgroundColor } = getComputedStyle(element)
      return numbers(backgroundColor)[3] === 0 ? backgroundOf(element.parentElement) : backgroundColor
    }
    const hasText = (element) =>
      [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim())
    const contrasts = [...document.querySelectorAll('body *:not(script, noscript)')].filter(hasText).map((element) => {
      const { color } = getComputedStyle(element)
      const [darker, lighter] = [luminance(color), luminance(backgroundOf(element))].sort((one, other) => one - other)
      return { text: element.textContent, ratio: (lighter + 0.05) / (darker + 0.05) }
    })
    return { width: document.documentElement.scrollWidth, contrasts }
  })()`)
}
