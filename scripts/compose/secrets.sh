#!/usr/bin/env bash
# Prints a .env for docker-compose.yml with fresh secrets:
#
#   scripts/compose/secrets.sh > .env            your own data sources, behind https
#   scripts/compose/secrets.sh --demo > .env     the demo shop, over http on this machine
#
# Make it once: a second run prints other secrets, which don't fit the volumes of the first.
set -euo pipefail
umask 077

case "${1:-}" in
  '' | --demo) ;;
  *) echo "usage: $0 [--demo]" >&2; exit 2 ;;
esac

# node of this machine, or the one of the image's base; secrets never stand in an argument
if command -v node >/dev/null; then run=(node)
else run=(docker run --rm --interactive --network none node:22-slim node)
fi

"${run[@]}" - "${1:-}" <<'JS'
const { hkdfSync, randomBytes } = require('node:crypto')

const master = randomBytes(32)
// the same as: DAYPASS_MASTER_KEY=... daypass part-key PART
const partKey = (part) =>
  Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), `daypass part ${part}`, 32)).toString('base64')
const password = () => randomBytes(24).toString('hex')

const lines = [
  ['STORE_SUPERUSER_PASSWORD', password()],
  ['STORE_OWNER_PASSWORD', password()],
  ['STORE_PORTAL_PASSWORD', password()],
  ['STORE_BROKER_PASSWORD', password()],
  ['STORE_PROXY_PASSWORD', password()],
  ['DAYPASS_PORTAL_KEY', partKey('portal')],
  ['DAYPASS_BROKER_KEY', partKey('broker')],
  ['DAYPASS_PROXY_KEY', partKey('proxy')],
  // keep this one safe, and off the machines that only run parts
  ['DAYPASS_MASTER_KEY', master.toString('base64')],
]
if (process.argv[2] === '--demo') {
  lines.push(
    ['COMPOSE_PROFILES', 'demo'],
    ['SHOP_SUPERUSER_PASSWORD', password()],
    ['DAYPASS_PUBLIC_URL', 'http://localhost:8080'],
    ['DAYPASS_PROXY_PUBLIC_ADDRESS', 'localhost:6432'],
    ['DAYPASS_INSECURE_HTTP', 'true'],
  )
}
console.log(lines.map(([name, value]) => `${name}=${value}`).join('\n'))
JS
