import { createHash } from 'node:crypto'

/** The token is behind the `#`, which browsers send to nobody: it goes nowhere but into the body of this request. */
const script = `
const [form, result] = [document.querySelector('form'), document.querySelector('output')]
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const token = location.hash.slice(1)
  const body = JSON.stringify({ ...Object.fromEntries(new FormData(form)), token })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(location.pathname, { method: 'POST', headers, body })
  const detail = answer.ok ? 'Done.' : (await answer.json()).detail
  result.textContent = typeof detail === 'string' ? detail : detail.map(({ msg }) => msg).join(', ')
  form.hidden = answer.ok
})
`

const scriptHash = createHash('sha256').update(script).digest('base64')

/** Nothing runs on the pages but their one script, which talks to nobody but us. */
export const pageHeaders = {
  'content-security-policy': `default-src 'none'; script-src 'sha256-${scriptHash}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

/** Opened by the link that confirms an address. It waits for a press: programs that look into mails open links too. */
export const confirmEmailPage = page('Confirm your e-mail address', '<button>Confirm</button>')

/** Opened by the link that sets another password. */
export const resetPasswordPage = page(
  'Set a new password',
  `<label>New password <input type="password" name="password" autocomplete="new-password" required></label>
      <button>Set it</button>`,
)

function page(title: string, form: string): string {
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
  </head>
  <body>
    <h1>${title}</h1>
    <form>
      ${form}
    </form>
    <output></output>
    <script>${script}</script>
  </body>
</html>
`
}
