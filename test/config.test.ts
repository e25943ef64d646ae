import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConfigError, environmentForPart, readConfig, PROXY_LIMITS } from '../config.ts'

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment)
    return []
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.faults
  }
}

describe('config', () => {
  let folder: string

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'daypass-config-'))
  })

  after(() => {
    rmSync(folder, { recursive: true })
  })

  it('needs no setting at all', () => {
    const config = readConfig({})
    assert.equal(config.portal.port, 8080)
    assert.equal(config.proxy.port, 6432)
    assert.equal(config.publicUrl.origin, 'http://127.0.0.1:8080')
    assert.equal(config.demo, true)
    assert.equal(config.recording, 'prompt')
    assert.deepEqual(config.warnings, [])
  })

  it('runs one process of the proxy and serves its metrics nowhere, unless asked', () => {
    assert.equal(readConfig({}).proxy.processes, 1)
    assert.equal(readConfig({}).proxy.metrics, undefined)
    assert.equal(readConfig({ DAYPASS_PROXY_METRICS_HOST: '0.0.0.0' }).proxy.metrics, undefined)
    const asked = { DAYPASS_PROXY_PROCESSES: '4', DAYPASS_PROXY_METRICS_PORT: '9187' }
    assert.equal(readConfig(asked).proxy.processes, 4)
    assert.deepEqual(readConfig(asked).proxy.metrics, { host: '127.0.0.1', port: 9187 })
    for (const wrong of ['0', '65', '1.5', 'two']) {
      assert.match(faultsOf({ DAYPASS_PROXY_PROCESSES: wrong }).join(), /from 1 to 64/)
    }
  })

  it('takes the proxy’s limits as whole numbers within sense', () => {
    assert.deepEqual(readConfig({}).proxy.limits, PROXY_LIMITS)
    const { limits } = readConfig({
      DAYPASS_PROXY_SESSION_CONNECTIONS: '5',
      DAYPASS_PROXY_IDLE_SECONDS: '0',
    }).proxy
    assert.equal(limits.sessionConnections, 5)
    assert.equal(limits.idleSeconds, 0)
    for (const wrong of ['0', '-1', '1.5', '1e3', 'few']) {
      const faults = faultsOf({ DAYPASS_PROXY_SESSION_CONNECTIONS: wrong })
      assert.match(faults.join(), /^DAYPASS_PROXY_SESSION_CONNECTIONS must be .* from 1 to 100000/)
    }
    assert.match(faultsOf({ DAYPASS_PROXY_DRAIN_SECONDS: '6' }).join(), /from 0 to 5/)
  })

  it('has no demo on a store of your own, unless asked', () => {
    const DAYPASS_STORE_URL = 'postgres://a:b@127.0.0.1/daypass'
    assert.equal(readConfig({ DAYPASS_STORE_URL }).demo, false)
    assert.equal(readConfig({ DAYPASS_STORE_URL, DAYPASS_DEMO: 'true' }).demo, true)
  })

  it('tells every fault at once, each with its setting', () => {
    const faults = faultsOf({
      DAYPASS_STORE_URL: 'mysql://x',
      DAYPASS_PORTAL_PORT: '80800',
      DAYPASS_PROXY_PORT: 'soon',
      DAYPASS_TIME_ZONE: 'Mars/Olympus',
      DAYPASS_MASTER_KEY: 'c2hvcnQ=',
      DAYPASS_RECORDING: 'never',
      DAYPASS_TLS_CERT: '/cert.pem',
      DAYPASS_PROXY_PUBLIC_ADDRESS: 'db.example.com',
      DAYPASS_DEMO: 'yes',
    })
    const named = faults.map((fault) => fault.split(' ')[0])
    assert.deepEqual(named.sort(), [
      'DAYPASS_DEMO',
      'DAYPASS_MASTER_KEY',
      'DAYPASS_PORTAL_PORT',
      'DAYPASS_PROXY_PORT',
      'DAYPASS_PROXY_PUBLIC_ADDRESS',
      'DAYPASS_RECORDING',
      'DAYPASS_STORE_URL',
      'DAYPASS_TIME_ZONE',
      'DAYPASS_TLS_CERT',
    ])
  })

  it('never repeats a secret in a fault', () => {
    const faults = faultsOf({
      DAYPASS_STORE_URL: 'not-a-url:hunter2@host',
      DAYPASS_MASTER_KEY: 'hunter2',
    })
    assert.equal(faults.length, 2)
    assert.ok(!faults.join().includes('hunter2'))
  })

  it('reads a secret from the file that a _FILE twin names', () => {
    const file = path.join(folder, 'url')
    writeFileSync(file, 'postgres://a:b@127.0.0.1/daypass\n')
    assert.equal(
      readConfig({ DAYPASS_STORE_URL_FILE: file }).storeUrl,
      'postgres://a:b@127.0.0.1/daypass',
    )
  })

  it('refuses a setting beside its _FILE twin, and a file that is not there', () => {
    const url = 'postgres://a:b@127.0.0.1/daypass'
    assert.match(
      faultsOf({ DAYPASS_STORE_URL: url, DAYPASS_STORE_URL_FILE: '/x' }).join(),
      /both set/,
    )
    assert.match(
      faultsOf({ DAYPASS_STORE_URL_FILE: path.join(folder, 'none') }).join(),
      /can't be read/,
    )
  })

  it('takes TLS files by path, under either name', () => {
    const config = readConfig({ DAYPASS_TLS_CERT: '/a.pem', DAYPASS_TLS_KEY_FILE: '/b.pem' })
    assert.deepEqual(config.portal.tls, { cert: '/a.pem', key: '/b.pem' })
  })

  it('refuses plain http away from this machine unless told that it is a trial', () => {
    const DAYPASS_PUBLIC_URL = 'http://daypass.example.com'
    assert.match(faultsOf({ DAYPASS_PUBLIC_URL }).join(), /passwords would travel in clear/)
    const config = readConfig({ DAYPASS_PUBLIC_URL, DAYPASS_INSECURE_HTTP: 'true' })
    assert.equal(config.insecureHttp, true)
    assert.equal(readConfig({ DAYPASS_PUBLIC_URL: 'http://127.9.9.9:1' }).insecureHttp, false)
  })

  it('warns of a name it does not know, which would have no effect', () => {
    const { warnings } = readConfig({ DAYPASS_PROXY_PROT: '1', PATH: '/bin' })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /^DAYPASS_PROXY_PROT is not a setting/)
  })

  it('hands no secret of the whole install on to a part', () => {
    const handed = environmentForPart('broker', {
      DAYPASS_MASTER_KEY: 'a',
      DAYPASS_MASTER_KEY_FILE: 'b',
      DAYPASS_STORE_OWNER_URL: 'c',
      DAYPASS_STORE_URL: 'd',
      DAYPASS_LOG_LEVEL: 'info',
    })
    assert.deepEqual(handed, { DAYPASS_LOG_LEVEL: 'info' })
  })

  it('tells the login of the mail server to the broker alone', () => {
    const environment = { DAYPASS_SMTP_URL: 'smtp://mail', DAYPASS_SMTP_URL_FILE: 'x' }
    assert.deepEqual(environmentForPart('broker', environment), environment)
    assert.deepEqual(environmentForPart('portal', environment), {})
    assert.deepEqual(environmentForPart('proxy', environment), {})
  })
})
