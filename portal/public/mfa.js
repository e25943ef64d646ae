// Passkeys: the browser's part of it. The bundle is @simplewebauthn/browser as it is published.
import '/public/webauthn.js'

const { browserSupportsWebAuthn, startAuthentication, startRegistration } =
  globalThis.SimpleWebAuthnBrowser

const CEREMONIES = { get: startAuthentication, create: startRegistration }

for (const form of document.querySelectorAll('form[data-passkey]')) {
  // without a script or an authenticator there is nothing to press
  if (!browserSupportsWebAuthn()) continue
  form.hidden = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void answer(form)
  })
}

async function answer(form) {
  const button = form.querySelector('button[type="submit"]')
  button.disabled = true
  say(form, '')
  try {
    const optionsJSON = await challengeFor(form)
    if (optionsJSON === undefined) return
    const given = await CEREMONIES[form.dataset.passkey]({ optionsJSON })
    form.elements.passkey.value = JSON.stringify(given)
    // past our own listener, which would begin again
    form.submit()
  } catch (error) {
    say(form, error.name === 'InvalidStateError' ? KNOWN : CANCELED)
    button.disabled = false
  }
}

const KNOWN = 'This authenticator holds a passkey of yours already.'
const CANCELED = 'No passkey was given: it was canceled, or took too long. Try again.'

/** What to sign; undefined where a second factor is asked for first, or the sign-in has ended. */
async function challengeFor(form) {
  const body = new URLSearchParams({ _csrf: form.elements._csrf.value })
  const reply = await fetch(`${form.getAttribute('action')}/challenge`, { method: 'POST', body })
  if (reply.ok && !reply.redirected) return reply.json()
  if (reply.redirected) location.assign(reply.url)
  else location.reload()
  return undefined
}

function say(form, text) {
  const line = form.querySelector('[data-passkey-said]')
  line.textContent = text
  line.hidden = text === ''
}
