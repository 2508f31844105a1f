import type { Mail } from '../mail/index.js'

/** The mail with the link that confirms an address. */
export function confirmationMail(to: string, username: string, token: string, origin: string): Mail {
  return {
    to,
    subject: 'Confirm your e-mail address',
    text: `This address was given for the account ${username}.

If that was you, confirm it within 24 hours:

${origin}/account/confirm-email#${token}

If it was not, there is nothing to do.
`,
  }
}

/** The mail with the link that sets another password. */
export function resetMail(to: string, username: string, token: string, origin: string): Mail {
  return {
    to,
    subject: 'Set a new password',
    text: `Somebody asked for a new password for the account ${username}.

If that was you, set one within 30 minutes:

${origin}/account/reset-password#${token}

If it was not, there is nothing to do: the password stays as it is.
`,
  }
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
