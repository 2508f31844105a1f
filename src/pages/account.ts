import { html } from 'hono/html'
import type { StaticFile } from '../http/static-file.js'
import { minPasswordLength } from '../users/password-rules.js'
import { accountScript } from './account-script.js'
import { createPage, type Html } from './html/page.js'

interface FormContent {
  title: string
  lead: string
  /** Text instead of the form after it was accepted. */
  done: string
  fields: Html
  button: string
  link?: MailedLink
}

/** The mailed link that leads to a form. */
interface MailedLink {
  /** Purpose of the link for `POST /account/check-link`. */
  purpose: string
  /** Where to request another link. */
  renewal: Html
}

/** Username of the account, for the user and for password managers. It is not part of the request. */
const username = html`<label>Username
          <input class="username" autocomplete="username" readonly>
        </label>`

/** Page that requests a link to reset a password. */
export const forgotPasswordPage = createFormPage({
  title: 'Forgot your password?',
  lead: 'Enter the e-mail address of your account to get a link that sets a new password.',
  done: 'If the address belongs to an account, an e-mail is on its way to it. Its link is valid for 30 minutes.',
  fields: html`<label for="email">E-mail address</label>
        <input id="email" type="email" name="email" autocomplete="email" required maxlength="254" data-name="The address" data-invalid="Enter an e-mail address such as name@example.com." aria-describedby="email-problem">
        <p class="problem" id="email-problem"></p>`,
  button: 'Send link',
})

/** Page of the link that resets a password. */
export const resetPasswordPage = createFormPage({
  title: 'Set a new password',
  lead: 'Setting it logs you out on all devices.',
  done: 'Your password is set. You can log in with it now.',
  fields: html`${username}
        <label for="password">New password</label>
        <input id="password" type="password" name="password" autocomplete="new-password" required data-name="The password" data-invalid="Enter a new password." aria-describedby="password-hint password-problem">
        <small id="password-hint">At least ${minPasswordLength} characters</small>
        <p class="problem" id="password-problem"></p>`,
  button: 'Set password',
  link: {
    purpose: 'reset_password',
    renewal: html`<a href="/account/forgot-password">Request a new link</a>`,
  },
})

/** Page of the link that confirms an address. It waits for a click, as mail scanners open links too. */
export const confirmEmailPage = createFormPage({
  title: 'Confirm your e\u2011mail address',
  lead: 'Press the button to confirm that this address belongs to your account.',
  done: 'Your address is confirmed.',
  fields: username,
  button: 'Confirm',
  link: {
    purpose: 'confirm_email',
    renewal: html`To get a new link, enter the address in your profile again. If you cannot log in,
        <a href="/account/forgot-password">request a new password</a>.`,
  },
})

/** Creates a page with a form. The form of a mailed link is hidden until the link was found valid. */
function createFormPage({ title, lead, done, fields, button, link }: FormContent): StaticFile {
  const attributes = link ? html`data-purpose="${link.purpose}" hidden` : ''
  const main = html`<section class="dialog">
        <h1>${title}</h1>
        <p>${lead}</p>
        <noscript><p>This page needs JavaScript.</p></noscript>
        <form novalidate data-done="${done}" ${attributes}>
        ${fields}
        <button>${button}</button>
        </form>
        <output></output>
      </section>
      ${link ? createInvalidLinkSection(link) : ''}`
  return createPage({ title: `${title} - Latchkey`, main, script: accountScript }, 'no-store')
}

function createInvalidLinkSection({ renewal }: MailedLink): Html {
  return html`<section class="dialog invalid-link" hidden>
        <h1>This link is not valid</h1>
        <p>It is incomplete, has expired or was used before.</p>
        <p>${renewal}</p>
      </section>`
}
