import { existsSync } from 'node:fs'
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'

/** Reason to skip a test that needs a browser, or false if there is one. */
export const withoutBrowser = existsSync(executablePath)
  ? false
  : `no Chromium at ${executablePath}: set CHROMIUM_PATH`

/** Starts a browser, which ends with the test. Returns a function that opens pages in contexts of their own. */
export async function startBrowser(t: Test, origin: string) {
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
  return async function openPage(options: BrowserContextOptions = {}) {
    const page = await browser.newPage({ viewport: { width: 1200, height: 1400 }, ...options })
    return { page, problems: recordProblems(page, origin) }
  }
}

/** Records the errors of a page, violations of its policy among them, and its requests to other hosts. */
function recordProblems(page: Page, origin: string): string[] {
  const problems: string[] = []
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(origin))
      problems.push(request.url())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  return problems
}
