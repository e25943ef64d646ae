// What the pages gain from a script. Every page works without it; nothing here decides anything.

const MINUTE = 60_000
const LIVE_EVERY = 4_000
/** What is due happens any moment. */
const DUE_EVERY = 1_500
/** What runs right now is a second old at most where it says so. */
const RUNNING_EVERY = 1_000
const LIVE_PATIENCE = 10_000
/** Boxes that keep their place when their part is drawn anew. */
const SCROLLED = '.scroll, .sql'
/** A forgotten tab stops asking, so that it does not keep a sign-in alive for ever. */
const LIVE_FOR = 30 * MINUTE

for (const start of [focusErrors, knowZone, submitChoices, countCharacters, fillDemo]) start()
revealCopyButtons()
revealCopyLinks()
askAtOnce()
showPeeks()
previewRequest()
colourSql()
tick()
setInterval(tick, 1000)
keepAddress()
keepLive()

function all(selector, root = document) {
  return [...root.querySelectorAll(selector)]
}

function focusErrors() {
  document.querySelector('[data-focus]')?.focus()
}

/** The browser alone knows its zone: the choice `Local Timezone` waits for its name. */
function knowZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  for (const input of all('[data-zones] [data-kind="local"]')) {
    if (input.value === '') input.value = zone
    input.disabled = false
    const hint = input.nextElementSibling?.querySelector('[data-zone-hint]')
    if (hint && hint.textContent.trim() === '') hint.textContent = input.value
  }
  for (const input of all('[data-browser-zone]')) input.value = zone
}

function submitChoices() {
  for (const form of all('form[data-autosubmit]')) {
    for (const button of all('[data-submit]', form)) button.hidden = true
    form.addEventListener('change', () => form.requestSubmit())
  }
  for (const form of all('form[data-zone-submit]')) {
    form.addEventListener('change', (event) => {
      if (['zone', 'view'].includes(event.target.name)) form.requestSubmit()
    })
    // an empty field says nothing, so the address keeps only what is filtered
    form.addEventListener('formdata', ({ formData }) => {
      for (const [name, value] of [...formData]) if (value === '') formData.delete(name)
    })
  }
}

function countCharacters() {
  for (const area of all('[data-counter]')) {
    const counter = document.getElementById(area.dataset.counter)
    const show = () => {
      counter.textContent = `${area.value.length} of ${counter.dataset.longest} characters`
    }
    area.addEventListener('input', show)
    show()
  }
}

function fillDemo() {
  for (const button of all('[data-fill-username]')) {
    button.hidden = false
    button.addEventListener('click', () => {
      document.getElementById('username').value = button.dataset.fillUsername
      document.getElementById('password').value = button.dataset.fillPassword
      document.querySelector('form [type="submit"]').focus()
    })
  }
}

function revealCopyButtons() {
  if (!navigator.clipboard) return
  for (const button of all('[data-copy]')) {
    button.hidden = false
    button.addEventListener('click', () => void copyFrom(button))
  }
}

async function copyFrom(button) {
  const source = document.getElementById(button.dataset.copy)
  const isCopied = await copy(source.textContent)
  if (!isCopied) getSelection().selectAllChildren(source)
  answer(button, isCopied ? 'Copied' : 'Press Ctrl+C')
}

/** The address of this page, without what only says how it was come by. */
function revealCopyLinks() {
  if (!navigator.clipboard) return
  for (const button of all('[data-copy-link]')) {
    button.hidden = false
    button.addEventListener('click', async () => {
      const isCopied = await copy(location.origin + location.pathname)
      answer(button, isCopied ? 'Copied' : 'Copy the address of this page instead')
    })
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

/** The button says for a moment what came of it. */
function answer(button, text) {
  // a second click must not take the answer for the button's own words
  button.words ??= [...button.childNodes]
  const said = document.querySelector('[data-copied]')
  if (said) said.textContent = text === 'Copied' ? 'Copied to the clipboard' : text
  button.textContent = text
  setTimeout(() => {
    button.replaceChildren(...button.words)
  }, 2000)
}

/** What asks for a reason asks for it where one types. */
function askAtOnce() {
  const ask = ({ target }) => {
    if (target.open && target.matches('details.ask')) {
      target.querySelector('input[name="reason"]')?.focus()
    }
  }
  // it does not bubble
  document.addEventListener('toggle', ask, true)
}

// ---- countdowns

function tick() {
  for (const box of all('[data-until]')) {
    const left = Date.parse(box.dataset.until) - Date.now()
    const { due } = box.dataset
    const number = box.querySelector('[data-left]')
    const before = box.querySelector('[data-before]')
    const isDue = due !== undefined && left <= 0
    if (number) number.textContent = isDue ? due : inWords(Math.max(0, left))
    if (before && isDue) before.textContent = ''
    // an opening is no reason to hurry
    box.classList.toggle('soon', due === undefined && left < 10 * MINUTE)
  }
  for (const bar of all('progress[data-from]')) {
    const [from, to] = [Date.parse(bar.dataset.from), Date.parse(bar.dataset.to)]
    bar.value = Math.min(100, Math.max(0, (100 * (Date.now() - from)) / (to - from)))
  }
  for (const box of all('[data-age]')) {
    box.began ??= Date.now() - Number(box.dataset.age)
    box.textContent = ageInWords(Date.now() - box.began)
  }
}

function ageInWords(milliseconds) {
  return milliseconds < MINUTE ? `${Math.floor(milliseconds / 1000)} s` : inWords(milliseconds)
}

function inWords(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const two = (number) => String(number).padStart(2, '0')
  if (hours >= 48) return `${Math.floor(hours / 24)} d${hours % 24 > 0 ? ` ${hours % 24} h` : ''}`
  if (hours > 0) return `${hours} h${minutes % 60 > 0 ? ` ${two(minutes % 60)} min` : ''}`
  if (minutes >= 10) return `${minutes} min`
  return `${minutes}:${two(seconds % 60)} min`
}

// ---- popovers of session ids: hover, focus and touch show them; Escape and leaving close them

function showPeeks() {
  let shown
  let waiting

  const hide = () => {
    clearTimeout(waiting)
    if (shown?.matches(':popover-open')) shown.hidePopover()
    shown = undefined
  }
  const hideSoon = () => {
    clearTimeout(waiting)
    waiting = setTimeout(hide, 250)
  }
  const show = (link, peek) => {
    clearTimeout(waiting)
    if (shown === peek) return
    hide()
    peek.showPopover()
    place(link, peek)
    shown = peek
  }

  for (const link of all('[data-peek]')) {
    const peek = document.getElementById(link.dataset.peek)
    if (!peek?.showPopover) continue
    link.setAttribute('aria-details', peek.id)
    link.addEventListener('pointerenter', (event) => {
      if (event.pointerType === 'touch') return
      clearTimeout(waiting)
      waiting = setTimeout(() => show(link, peek), 150)
    })
    link.addEventListener('focus', () => show(link, peek))
    link.addEventListener('click', (event) => {
      if (event.pointerType !== 'touch' || link.dataset.peeked === 'yes') return
      event.preventDefault()
      show(link, peek)
      link.dataset.peeked = 'yes'
    })
    for (const element of [link, peek]) {
      element.addEventListener('pointerleave', (event) => {
        if (event.pointerType !== 'touch') hideSoon()
      })
      element.addEventListener('focusout', hideSoon)
    }
    for (const name of ['pointerenter', 'focusin']) {
      peek.addEventListener(name, () => clearTimeout(waiting))
    }
  }
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && shown) hide()
  })
  document.addEventListener('pointerdown', (event) => {
    if (shown && !shown.contains(event.target) && !event.target.closest('[data-peek]')) hide()
  })
  document.addEventListener('scroll', (event) => event.target !== shown && hide(), true)
}

function place(link, peek) {
  const at = link.getBoundingClientRect()
  const size = peek.getBoundingClientRect()
  const below = at.bottom + 4 + size.height <= innerHeight
  const left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8))
  peek.style.left = `${left}px`
  peek.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - size.height - 4)}px`
}

// ---- the request form asks the portal what it would mean, and shows the answer beside it

function previewRequest() {
  const form = document.querySelector('form[data-preview]')
  if (!form) return
  let waiting
  let asking
  form.addEventListener('input', (event) => {
    if (event.target.name === 'justification') return
    clearTimeout(waiting)
    waiting = setTimeout(ask, 400)
  })
  // a form that came filled in does not know the browser's zone yet
  if (document.querySelector('#preview dl')) void ask()

  async function ask() {
    asking?.abort()
    asking = new AbortController()
    const fresh = await fetchPage(form.dataset.preview, {
      method: 'POST',
      body: new URLSearchParams(new FormData(form)),
      signal: asking.signal,
    })
    const part = fresh?.getElementById('preview')
    if (part) document.getElementById('preview')?.replaceWith(part)
    const minutes = fresh?.getElementById('minutes')
    if (minutes) document.getElementById('minutes').placeholder = minutes.placeholder
  }
}

/** The page at an address as a document; undefined when it can't be had, and the old one stays. */
async function fetchPage(address, options) {
  try {
    const answer = await fetch(address, {
      credentials: 'same-origin',
      redirect: 'error',
      headers: { 'x-daypass-part': '1' },
      ...options,
    })
    if (!answer.ok && answer.status !== 422) return undefined
    return new DOMParser().parseFromString(await answer.text(), 'text/html')
  } catch {
    return undefined
  }
}

// ---- parts of a page that change while one looks

/**
 * The page of a session that shows a credential is the answer to a post: from here on its address
 * is the session's own, so that reloading it makes no second credential.
 */
function keepAddress() {
  const shown = document.querySelector('[data-address]')
  if (shown) history.replaceState(null, '', shown.dataset.address)
}

function keepLive() {
  if (!document.querySelector('main [data-live]')) return
  keepLooking(refreshParts, pause)
  keepLooking(refreshRunning, () => RUNNING_EVERY)
}

function keepLooking(refreshNow, pauseNow) {
  const since = Date.now()
  const look = async () => {
    if (Date.now() - since > LIVE_FOR) return
    if (!document.hidden) await refreshNow()
    setTimeout(look, pauseNow())
  }
  setTimeout(look, pauseNow())
}

/** Parts with an address of their own are small, so they can be asked for more often. */
async function refreshRunning() {
  for (const part of all('main [data-live-from]')) {
    const fresh = await fetchPage(part.dataset.liveFrom, {
      signal: AbortSignal.timeout(LIVE_PATIENCE),
    })
    if (fresh && part.isConnected) refresh(part, fresh)
  }
  tick()
}

/** Until something on this page is due, and little while it is. */
function pause() {
  const left = all('main [data-until]').map((box) => Date.parse(box.dataset.until) - Date.now())
  if (left.some((milliseconds) => milliseconds <= 0)) return DUE_EVERY
  return Math.min(LIVE_EVERY, ...left.map((milliseconds) => milliseconds + 300))
}

async function refreshParts() {
  const fresh = await fetchPage(location.href, {
    signal: AbortSignal.timeout(LIVE_PATIENCE),
  })
  if (!fresh) return
  const before = stateOf(document)
  for (const part of all('[data-live]')) refresh(part, fresh)
  // what was just done is old news in another state
  if (stateOf(document) !== before) document.querySelector('[data-flash]')?.remove()
  colourSql()
  tick()
}

function stateOf(root) {
  const pass = root.querySelector('[data-live="pass"] [data-session-id]')
  const asked = root.querySelector('[data-extension-id]')?.dataset.extensionId
  return [pass?.querySelector('[data-state]')?.dataset.state, pass?.dataset.end, asked].join()
}

function refresh(part, fresh) {
  const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`)
  if (!next || isInUse(part) || wordsOf(next) === wordsOf(part)) return
  const boxes = all(SCROLLED, part).map((box) => ({
    top: box.scrollTop,
    left: box.scrollLeft,
    held: box === document.activeElement,
  }))
  const unfolded = new Set(all('details[data-fold][open]', part).map(({ dataset }) => dataset.fold))
  for (const fold of all('details[data-fold]', next)) fold.open = unfolded.has(fold.dataset.fold)
  part.replaceWith(next)
  knowZone()
  for (const [place, box] of all(SCROLLED, next).entries()) {
    box.scrollTo(boxes[place]?.left ?? 0, boxes[place]?.top ?? 0)
    if (boxes[place]?.held) box.focus({ preventScroll: true })
  }
}

/** Colours SQL and leaves its text alone: one highlight a kind, over all statements of the page. */
function colourSql() {
  if (!CSS.highlights) return
  const kinds = new Map(
    ['keyword', 'string', 'number', 'comment'].map((kind) => [kind, new Highlight()]),
  )
  for (const code of all('.sql[data-spans]')) colourOne(code, kinds)
  for (const [kind, highlight] of kinds) CSS.highlights.set(`sql-${kind}`, highlight)
}

/** Its spans are kinds and lengths, in turn, over the text of all its nodes. */
function colourOne(code, kinds) {
  const walk = document.createTreeWalker(code, NodeFilter.SHOW_TEXT)
  const words = code.dataset.spans.trim().split(' ')
  let node = walk.nextNode()
  let at = 0
  for (let word = 0; node && word < words.length; word += 2) {
    const range = new Range()
    for (let left = Number(words[word + 1]); node && left > 0;) {
      if (at === node.length) [node, at] = [walk.nextNode(), 0]
      if (!node) break
      if (range.collapsed && left === Number(words[word + 1])) range.setStart(node, at)
      const taken = Math.min(left, node.length - at)
      at += taken
      left -= taken
      range.setEnd(node, at)
    }
    kinds.get(words[word])?.add(range)
  }
}

/** Somebody types there, has opened something, or marks words to copy. */
function isInUse(part) {
  const held = document.activeElement
  if (part.contains(held) && !held.matches(SCROLLED)) return true
  // what is only unfolded stays so in what comes instead
  if (part.querySelector('details[open]:not([data-fold])')) return true
  const typed = all('input, textarea', part).some(
    (input) => input.value !== input.defaultValue || input.checked !== input.defaultChecked,
  )
  const marked = getSelection()
  return typed || (!marked.isCollapsed && marked.containsNode(part, true))
}

/** What counts as changed: words, not the token of a form nor what a script writes. */
function wordsOf(part) {
  const copy = part.cloneNode(true)
  const filled = '[data-left], [data-before], [data-age], [data-zone-hint], progress'
  for (const running of all(filled, copy)) running.remove()
  return copy.textContent.replace(/\s+/g, ' ')
}
