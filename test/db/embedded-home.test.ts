import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { chooseHome } from '../../db/embedded.ts'
import { getUnprivilegedAccount, isRoot, mayEnter } from '../../db/embedded/account.ts'
import { copyBinaries } from '../../db/embedded/binaries-copy.ts'

// an ordinary user has nobody to hand PostgreSQL to, so these have no meaning for one
const itAsRoot = (title: string, test: () => void): void => {
  if (isRoot()) it(title, test)
}

describe('the home of the embedded PostgreSQL', () => {
  let folder = ''
  let elsewhere = ''

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'daypass-home-'))
    elsewhere = join(folder, 'elsewhere')
    mkdirSync(elsewhere)
    chmodSync(folder, 0o711)
    chmodSync(elsewhere, 0o711)
  })

  afterEach(() => {
    chmodSync(folder, 0o700)
    rmSync(folder, { recursive: true, force: true })
  })

  it('is the data folder, made so that whoever runs PostgreSQL may enter it', () => {
    const dataDir = join(folder, 'a', 'data')
    const home = underUmask(0o077, () => chooseHome({ dataDir, fallbackRoots: [elsewhere] }))

    assert.equal(home.dir, dataDir)
    assert.equal(statSync(dataDir).mode & 0o777, isRoot() ? 0o711 : 0o700)
    if (isRoot()) {
      assert.ok(mayEnter(getUnprivilegedAccount(), dataDir))
      assert.equal(home.runAs, getUnprivilegedAccount().name)
    } else {
      assert.equal(home.runAs, undefined)
      assert.equal(home.notice, undefined)
    }
  })

  itAsRoot(
    'is elsewhere when root has a data folder that nobody else may enter, and stays there',
    () => {
      const dataDir = join(folder, 'private')
      mkdirSync(dataDir, { mode: 0o700 })
      const first = chooseHome({ dataDir, fallbackRoots: [elsewhere] })
      const again = chooseHome({ dataDir: `${dataDir}/../private/`, fallbackRoots: [elsewhere] })
      chmodSync(dataDir, 0o755)
      const opened = chooseHome({ dataDir, fallbackRoots: [elsewhere] })

      assert.equal(dirname(first.dir), elsewhere)
      assert.ok(mayEnter(getUnprivilegedAccount(), first.dir))
      assert.match(
        String(first.notice),
        /runs as \w+, which may not enter .*private: its data is in/,
      )
      assert.equal(again.dir, first.dir)
      assert.equal(opened.dir, first.dir)
    },
  )

  itAsRoot('is never a folder that somebody else made under the name we would use', () => {
    const dataDir = join(folder, 'private')
    mkdirSync(dataDir, { mode: 0o700 })
    const { dir } = chooseHome({ dataDir, fallbackRoots: [elsewhere] })
    rmSync(dir, { recursive: true })
    symlinkSync('/tmp', dir)

    assert.throws(() => chooseHome({ dataDir, fallbackRoots: [elsewhere] }), {
      code: 'EMBEDDED_NO_ACCESS',
    })
  })

  itAsRoot('does not turn its back on a database that can no longer be reached', () => {
    const dataDir = join(folder, 'private')
    mkdirSync(join(dataDir, 'store'), { recursive: true })
    writeFileSync(join(dataDir, 'store', 'PG_VERSION'), '18\n')
    chmodSync(dataDir, 0o700)

    assert.throws(() => chooseHome({ dataDir, fallbackRoots: [elsewhere] }), {
      code: 'EMBEDDED_NO_ACCESS',
      message: /store holds a database that \w+ can no longer reach/,
    })
  })

  it('says what to do where nothing can be kept', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const dataDir = isRoot() ? join(folder, 'shut', 'data') : join(file, 'data')
    mkdirSync(join(folder, 'shut'), { mode: 0o700 })

    assert.throws(() => chooseHome({ dataDir, fallbackRoots: [join(folder, 'shut', 'too')] }), {
      code: 'EMBEDDED_NO_ACCESS',
      message: /DAYPASS_DATA_DIR/,
    })
  })

  it('refuses binaries that do not run, with the reason', () => {
    assert.throws(() => chooseHome({ dataDir: join(folder, 'd'), binDir: elsewhere }), {
      code: 'EMBEDDED_BINARIES_UNUSABLE',
      message: /ENOENT/,
    })
  })

  it('takes a copy of binaries once, readable by everyone', () => {
    const root = join(folder, 'native')
    for (const part of ['bin', 'lib']) mkdirSync(join(root, part), { recursive: true })
    writeFileSync(join(root, 'bin', 'postgres'), '', { mode: 0o700 })
    writeFileSync(join(root, 'lib', 'libz.so.1.2'), '', { mode: 0o600 })
    symlinkSync('libz.so.1.2', join(root, 'lib', 'libz.so'))
    const shipped = { root, binDir: join(root, 'bin'), version: '1.2' }

    const binDir = copyBinaries(shipped, elsewhere)
    rmSync(root, { recursive: true })

    assert.equal(binDir, join(elsewhere, 'postgresql-1.2', 'bin'))
    assert.equal(copyBinaries(shipped, elsewhere), binDir)
    assert.equal(statSync(join(binDir, 'postgres')).mode & 0o777, 0o755)
    const lib = join(dirname(binDir), 'lib')
    assert.equal(statSync(join(lib, 'libz.so.1.2')).mode & 0o777, 0o644)
    assert.equal(readlinkSync(join(lib, 'libz.so')), 'libz.so.1.2')
    assert.ok(existsSync(join(lib, 'libz.so')))
  })
})

function underUmask<T>(umask: number, work: () => T): T {
  const before = process.umask(umask)
  try {
    return work()
  } finally {
    process.umask(before)
  }
}
