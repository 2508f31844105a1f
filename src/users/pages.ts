import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'

/** The token is behind the `#`, which browsers do not send: it gets only into the body of this one request. */
const script = `
const form = document.querySelector('form')
const result = document.querySelector('output')
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const token = location.hash.slice(1)
  const body = JSON.stringify({ ...Object.fromEntries(new FormData(form)), token })
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(location.pathname, { method: 'POST', headers, body })
  const detail = response.ok ? 'Done.' : (await response.json()).detail
  result.textContent = typeof detail === 'string' ? detail : detail.map(({ msg }) => msg).join(', ')
  form.hidden = response.ok
})
`

const scriptHash = createHash('sha256').update(script).digest('base64')

/** Allow only the script above to run, and only requests to this origin. */
const pageHeaders = {
  'content-security-policy': `default-src 'none'; script-src 'sha256-${scriptHash}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

/** Page of the link that confirms an address. It waits for a click, as mail scanners open links too. */
export const confirmEmailPage = page('Confirm your e-mail address', '<button>Confirm</button>')

/** Page of the link that resets a password. */
export const resetPasswordPage = page(
  'Set a new password',
  `<label>New password <input type="password" name="password" autocomplete="new-password" required></label>
      <button>Set password</button>`,
)

/** Sends a page. */
export function sendPage(reply: FastifyReply, html: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').headers(pageHeaders).send(html)
}

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
