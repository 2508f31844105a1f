import type { Mail } from '../email/index.js'

/** A link for one account. */
export interface Link {
  username: string
  token: string
}

/** Returns the mail with the links that confirm an address, one for each account it was given for. */
export function confirmationMail(to: string, links: Link[], origin: string): Mail {
  return {
    to,
    subject: 'Confirm your e-mail address',
    text: `This address was given for ${accountsOf(links)}.

If that was you, confirm it within 24 hours:

${toLines(links, `${origin}/account/confirm-email`)}

If it was not, there is nothing to do.
`,
  }
}

/** Returns the mail with the links that set another password, one for each account of the address. */
export function resetMail(to: string, links: Link[], origin: string): Mail {
  return {
    to,
    subject: 'Set a new password',
    text: `Somebody asked for a new password for ${accountsOf(links)}.

If that was you, set one within 30 minutes:

${toLines(links, `${origin}/account/reset-password`)}

If it was not, there is nothing to do: the password stays as it is.
`,
  }
}

function accountsOf(links: Link[]): string {
  const names = links.map(({ username }) => username).join(', ')
  return links.length === 1 ? `the account ${names}` : `the accounts ${names}`
}

function toLines(links: Link[], url: string): string {
  const isOne = links.length === 1
  return links
    .map(({ username, token }) => (isOne ? `${url}#${token}` : `${username}:\n${url}#${token}`))
    .join('\n\n')
}

/** Returns the mail that tells the confirmed address that it is to be replaced. */
export function emailChangedMail(to: string, username: string): Mail {
  return {
    to,
    subject: 'Your e-mail address was changed',
    text: `The account ${username} was given another e-mail address. This one stays in use until the other is confirmed.

If that was not you, somebody knows your password: set a new one.
`,
  }
}

/** Returns the mail that tells the confirmed address that it was removed. */
export function emailRemovedMail(to: string, username: string): Mail {
  return {
    to,
    subject: 'Your e-mail address was removed',
    text: `This e-mail address was removed from the account ${username}. It can no longer be used to set a new password.

If that was not you, somebody knows your password: log in and set a new one.
`,
  }
}

/** Returns the mail that tells the address that was confirmed before that another one is now. */
export function emailReplacedMail(to: string, username: string): Mail {
  return {
    to,
    subject: 'Your e-mail address was replaced',
    text: `Another e-mail address of the account ${username} was confirmed. This one can no longer be used to set a new password.

If that was not you, somebody knows your password: log in and set a new one.
`,
  }
}
