/**
 * Script of the account pages.
 *
 * The token of a mailed link is behind the `#`, which browsers do not send, so that no log and no `Referer` contains it. The
 * script sends it only in the bodies of two requests: one checks the link, and shows the form if it is valid; one uses it up.
 */
export const accountScript = `
const form = document.querySelector('form')
const result = document.querySelector('output')
const invalidLink = document.querySelector('.invalid-link')
const inputs = [...form.querySelectorAll('input[name]')]
const { purpose, done } = form.dataset
const token = location.hash.slice(1)

addEventListener('hashchange', () => location.reload())
form.addEventListener('submit', (event) => {
  event.preventDefault()
  submit().catch(reportOutage)
})
if (purpose) checkLink().catch(reportOutage)

async function checkLink() {
  if (!token) return showInvalidLink()
  const response = await post('/account/check-link', { token, purpose })
  if (response.status === 400 || response.status === 422) return showInvalidLink()
  if (!response.ok) return report(await describe(response))
  const { username } = await response.json()
  for (const field of form.querySelectorAll('.username')) field.value = username
  form.hidden = false
}

async function submit() {
  report('')
  for (const input of inputs) showProblem(input, input.validity.valid ? '' : input.dataset.invalid)
  if (focusProblem()) return
  const body = { ...Object.fromEntries(new FormData(form)), ...(purpose && { token }) }
  const button = form.querySelector('button')
  button.disabled = true
  const response = await post(location.pathname, body).finally(() => { button.disabled = false })
  if (response.ok) return finish()
  if (response.status === 422) return showProblems((await response.json()).detail)
  if (response.status === 400) return showInvalidLink()
  report(await describe(response))
}

function post(path, body) {
  const headers = { 'content-type': 'application/json' }
  return fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })
}

function finish() {
  form.hidden = true
  report(done, true)
}

function showInvalidLink() {
  form.closest('section').hidden = true
  invalidLink.hidden = false
}

function showProblems(issues) {
  for (const { loc, msg } of issues) {
    const input = inputs.find(({ name }) => name === loc.at(-1))
    if (!input) return showInvalidLink()
    showProblem(input, input.dataset.name + ' ' + msg + '.')
  }
  focusProblem()
}

function showProblem(input, problem) {
  document.getElementById(input.name + '-problem').textContent = problem
  input.ariaInvalid = String(problem !== '')
}

function focusProblem() {
  const input = inputs.find(({ ariaInvalid }) => ariaInvalid === 'true')
  input?.focus()
  return Boolean(input)
}

async function describe(response) {
  if (response.status === 429) return 'There were too many requests. Try again later.'
  if (response.status >= 500) return 'The service is unavailable. Try again later.'
  const { detail } = await response.json()
  return detail + '.'
}

function report(text, succeeded = false) {
  result.className = succeeded ? '' : 'problem'
  result.textContent = text
}

function reportOutage() {
  report('The service cannot be reached. Try again later.')
}
`
