/** The icon of the service: a keyhole. It has no styles, which the policy of a page would block. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0f766e"/><path d="M16 6.5a5.75 5.75 0 0 0-3 10.66L11.3 25h9.4L19 17.16a5.75 5.75 0 0 0-3-10.66z" fill="#fff"/></svg>`
