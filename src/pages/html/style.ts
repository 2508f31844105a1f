/** The styles of all pages. They follow the color scheme of the browser. */
export const style = `
:root {
  color-scheme: light dark;
  --text: #16211f;
  --faint: #52605d;
  --page: #f5f7f6;
  --card: #fff;
  --border: #d5dcda;
  --accent: #0f766e;
  --on-accent: #fff;
  --failure: #b42318;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e4ebe9;
    --faint: #a0aeab;
    --page: #0e1514;
    --card: #17201f;
    --border: #2e3a38;
    --accent: #5ccdc0;
    --on-accent: #06201d;
    --failure: #ff9a8f;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto;
  max-width: 64rem;
  min-height: 100vh;
  padding: clamp(1.25rem, 4vw, 3rem);
  display: flex;
  flex-direction: column;
  gap: 2rem;
  background: var(--page);
  color: var(--text);
  font: 1rem/1.55 system-ui, sans-serif;
  overflow-wrap: break-word;
}
a { color: var(--accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem }
.brand { display: inline-flex; align-items: center; gap: .625rem; color: inherit; font-weight: 650; text-decoration: none }
main { flex: 1; display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.5rem; align-content: start }
h1 { margin: 0; font-size: clamp(1.6rem, 5vw, 2.25rem); line-height: 1.2; letter-spacing: -.015em; text-wrap: balance }
h2 { margin: 0 0 .25rem; font-size: 1rem }
p { margin: 0 }
.lead { max-width: 42rem; font-size: 1.125rem; color: var(--faint) }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: 1rem; margin: 0; padding: 0; list-style: none }
.card { display: block; height: 100%; padding: 1.125rem 1.25rem; background: var(--card); border: 1px solid var(--border); border-radius: .75rem; color: inherit; text-decoration: none }
a.card h2 { color: var(--accent) }
a.card:hover { border-color: var(--accent) }
.card p { color: var(--faint); font-size: .9375rem }
.card > * + * { margin-top: .625rem }
body:has(.dialog) { max-width: 34rem }
.dialog { display: grid; gap: 1rem; padding: 1.75rem; background: var(--card); border: 1px solid var(--border); border-radius: .75rem }
.dialog h1 { font-size: 1.5rem }
code, pre { font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
pre { margin: 0; padding: .75rem 1rem; overflow-x: auto; background: var(--page); border: 1px solid var(--border); border-radius: .5rem }
form { display: grid; gap: .375rem }
[hidden] { display: none !important }
label { display: grid; gap: .375rem; font-weight: 600 }
form > label:first-child + label, form > button { margin-top: .625rem }
input[readonly] { border-color: var(--border) }
input[aria-invalid=true] { border-color: var(--failure) }
small { color: var(--faint); font-weight: 400; font-size: .875rem }
input, button { font: inherit; padding: .625rem .875rem; border-radius: .5rem }
input { width: 100%; background: var(--page); color: inherit; border: 1px solid var(--faint) }
button { background: var(--accent); color: var(--on-accent); border: 0; font-weight: 600; cursor: pointer }
button:disabled { opacity: .6; cursor: default }
output { font-weight: 600 }
output:empty { position: absolute }
.problem { color: var(--failure); font-weight: 600 }
.problem:empty { display: none }
`
