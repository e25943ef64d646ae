// What the Audit tab gains from a script: keys, a hint at new records, the browser's own zone.

const NEWS_EVERY = 15_000
const NEWS_PATIENCE = 10_000
/** A forgotten tab stops asking, so that it does not keep a sign-in alive for ever. */
const NEWS_FOR = 30 * 60_000
/** Single keys can be switched off (WCAG 2.1.4): kept in this browser alone. */
const KEYS_OFF = 'daypass-keys-off'

submitZone()
followZone()
moveByKeys()
offerKeys()
tellNews()
void countOn()

function all(selector, root = document) {
  return [...root.querySelectorAll(selector)]
}

// ---- the browser's own zone

/** The choice stands beside the form that it belongs to, so its changes never pass by there. */
function submitZone() {
  for (const input of all('[data-audit] [data-zones] input')) {
    input.addEventListener('change', () => input.form?.requestSubmit())
  }
}

/** Remembered is that times are local; where the reader sits now, only the browser knows. */
function followZone() {
  const local = document.querySelector('[data-audit] [data-zones] [data-kind="local"]')
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  if (!local || local.value === zone) return
  const address = new URL(location.href)
  if (local.checked) {
    if (address.searchParams.has('zone')) return
    address.searchParams.set('zone', zone)
    location.replace(address)
    return
  }
  local.value = zone
  const hint = local.parentElement.querySelector('[data-zone-hint]')
  if (hint) hint.textContent = zone
}

// ---- keys

function moveByKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return
    const row = event.target.closest?.('[data-rows] tbody tr')
    // arrows scroll, until somebody is in the rows
    const isArrow = event.key === 'ArrowDown' || event.key === 'ArrowUp'
    if (isArrow ? !row : !areKeysOn()) return
    if (KEYS[event.key]?.(row) === true) event.preventDefault()
  })
}

const KEYS = {
  j: (row) => step(row, 1),
  k: (row) => step(row, -1),
  ArrowDown: (row) => step(row, 1),
  ArrowUp: (row) => step(row, -1),
  '/': () => focusOn(document.querySelector('[data-audit] #q')),
  '?': () => showKeys(),
}

function step(row, by) {
  const rows = all('[data-rows] tbody tr')
  const next = row ? rows[rows.indexOf(row) + by] : rows[0]
  return focusOn(next?.querySelector('[data-open]'))
}

function focusOn(element) {
  if (!element) return false
  element.focus()
  element.select?.()
  return true
}

function isTyping(target) {
  return target.matches?.('input:not([type="checkbox"], [type="radio"]), select, textarea') ?? false
}

function offerKeys() {
  const dialog = document.getElementById('keys')
  if (!dialog?.showModal) return
  for (const button of all('[data-keys]')) {
    button.hidden = false
    button.addEventListener('click', showKeys)
  }
  const box = dialog.querySelector('[data-keys-on]')
  box.closest('[hidden]').hidden = false
  box.checked = areKeysOn()
  box.addEventListener('change', () => {
    if (box.checked) localStorage.removeItem(KEYS_OFF)
    else localStorage.setItem(KEYS_OFF, 'yes')
  })
}

function showKeys() {
  const dialog = document.getElementById('keys')
  if (!dialog?.showModal) return false
  dialog.showModal()
  return true
}

function areKeysOn() {
  try {
    return localStorage.getItem(KEYS_OFF) === null
  } catch {
    return true
  }
}

// ---- records that came since: told, never pushed in

function tellNews() {
  const from = document.querySelector('[data-news-from]')?.dataset.newsFrom
  const place = document.querySelector('[data-news]')
  if (!from || !place) return
  const since = Date.now()
  const look = async () => {
    if (Date.now() - since > NEWS_FOR) return
    if (!document.hidden) await ask(from, place)
    setTimeout(look, NEWS_EVERY)
  }
  setTimeout(look, NEWS_EVERY)
}

// ---- counts that took longer than a page may wait

async function countOn() {
  if (!document.querySelector('[data-uncounted]')) return
  const page = await fetchPart(location.href)
  if (!page) return
  const counts = new Map(all('[data-counted]', page).map((box) => [box.dataset.counted, box]))
  for (const box of all('[data-counted]')) {
    box.textContent = counts.get(box.dataset.counted)?.textContent ?? box.textContent
  }
}

async function ask(from, place) {
  const page = await fetchPart(from)
  const link = page?.querySelector('[data-news] a')
  // said once each time it changes
  if (link && link.textContent !== place.textContent) place.replaceChildren(link)
}

/** A page as a document; undefined when it can't be had, and the next look may find the portal again. */
async function fetchPart(address) {
  try {
    const answer = await fetch(address, {
      credentials: 'same-origin',
      redirect: 'error',
      headers: { 'x-daypass-part': '1' },
      signal: AbortSignal.timeout(NEWS_PATIENCE),
    })
    if (!answer.ok) return undefined
    return new DOMParser().parseFromString(await answer.text(), 'text/html')
  } catch {
    return undefined
  }
}
