import type { Mail } from '../../email/message.js'

/** A link for one account. */
export interface Link {
  username: string
  token: string
}

/** Returns the e-mail that confirms an address, with a link for each account that it was given for. */
export function confirmationMail(to: string, links: Link[], issuer: string): Mail {
  return {
    to,
    subject: 'Confirm your e-mail address',
    text: `This e-mail address was given for ${listAccounts(links)}.

If that was you, confirm it within 24 hours:

${listLinks(links, `${issuer}/account/confirm-email`)}

If it was not you, you can ignore this message.
`,
  }
}

/** Returns the e-mail that resets a password, with a link for each account of the address. */
export function resetMail(to: string, links: Link[], issuer: string): Mail {
  return {
    to,
    subject: 'Set a new password',
    text: `Someone requested a new password for ${listAccounts(links)}.

If that was you, set one within 30 minutes:

${listLinks(links, `${issuer}/account/reset-password`)}

If it was not you, you can ignore this message: your password has not been changed.
`,
  }
}

function listAccounts(links: Link[]): string {
  const names = links.map(({ username }) => username).join(', ')
  return links.length === 1 ? `the account ${names}` : `the accounts ${names}`
}

function listLinks(links: Link[], url: string): string {
  const [first] = links
  if (first && links.length === 1) return `${url}#${first.token}`
  return links.map(({ username, token }) => `${username}:\n${url}#${token}`).join('\n\n')
}

/** Returns the e-mail that notifies the confirmed address that another one is about to replace it. */
export function emailChangedMail(to: string, username: string): Mail {
  return {
    to,
    subject: 'Your e-mail address was changed',
    text: `The account ${username} was given another e-mail address. This address stays in use until the other one is confirmed.

If that was not you, someone knows your password: set a new one.
`,
  }
}

/** Returns the e-mail that notifies the confirmed address that it was removed. */
export function emailRemovedMail(to: string, username: string): Mail {
  return {
    to,
    subject: 'Your e-mail address was removed',
    text: `This e-mail address was removed from the account ${username}. It can no longer be used to reset the password.

If that was not you, someone knows your password: log in and set a new one.
`,
  }
}

/** Returns the e-mail that notifies the formerly confirmed address that another one has replaced it. */
export function emailReplacedMail(to: string, username: string): Mail {
  return {
    to,
    subject: 'Your e-mail address was replaced',
    text: `Another e-mail address was confirmed for the account ${username}. This address can no longer be used to reset the password.

If that was not you, someone knows your password: log in and set a new one.
`,
  }
}
