import assert from 'node:assert/strict'
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { symlink, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { chooseHome, EmbeddedPostgres, type Home } from '../../db/embedded.ts'
import { getAccount } from '../../db/embedded/account.ts'
import {
  ask,
  commandLines,
  connect,
  isAlive,
  refusal,
  until,
  writePidFile,
} from './embedded-probes.ts'

const PASSWORD = 'p@ss/1 %41'
const QUICK = { fsync: 'off' }

describe('the embedded PostgreSQL', () => {
  let folder = ''
  let home: Home
  let main: EmbeddedPostgres
  const children: ChildProcess[] = []

  const cluster = (name: string, more: { binDir?: string; port?: number } = {}) =>
    new EmbeddedPostgres({ ...options(name), ...more })
  const options = (name: string) => ({
    ...home,
    dir: join(home.dir, name),
    password: PASSWORD,
    settings: QUICK,
  })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-embedded-'))
    await chmod(folder, 0o711)
    home = chooseHome({ dataDir: folder })
    main = await cluster('main').start()
    await ask(main, 'create table kept (n int); insert into kept values (7)')
  })

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  after(async () => {
    await main.stop()
    await rm(home.dir, { recursive: true, force: true })
    await rm(folder, { recursive: true, force: true })
  })

  it('keeps its data from one start to the next', async () => {
    await main.stop()
    assert.equal(main.pid, undefined)

    await main.start()

    assert.deepEqual(await ask(main, 'select n from kept'), [{ n: 7 }])
  })

  it('listens on 127.0.0.1 only, whatever the settings say', async () => {
    assert.deepEqual(await ask(main, 'show listen_addresses'), [{ listen_addresses: '127.0.0.1' }])

    const open = new EmbeddedPostgres({
      ...options('main'),
      settings: { ...QUICK, listen_addresses: '*' },
    })
    await main.stop()
    await open.start()
    const rows = await ask(open, 'show listen_addresses')
    await open.stop()
    await main.start()

    assert.deepEqual(rows, [{ listen_addresses: '127.0.0.1' }])
  })

  it('refuses a wrong password', async () => {
    await assert.rejects(connect(main.url({ password: 'wrong' })), { code: '28P01' })
    const rows = await ask(
      main,
      'select left(rolpassword, 13) as kind from pg_authid where rolcanlogin',
    )
    assert.deepEqual(rows, [{ kind: 'SCRAM-SHA-256' }])
  })

  it('starts again after a crash left its pid file behind', async () => {
    const { pid } = main
    assert.ok(pid)
    process.kill(pid, 'SIGKILL')
    await until(() => main.pid === undefined)
    assert.match(await readFile(join(home.dir, 'main', 'postmaster.pid'), 'utf8'), /ready/)

    await main.start()

    assert.notEqual(main.pid, pid)
    assert.deepEqual(await ask(main, 'select n from kept'), [{ n: 7 }])
  })

  it('is not fooled by a stale pid file whose number is somebody else now', async () => {
    await main.stop()
    const account = home.runAs === undefined ? undefined : getAccount(home.runAs)
    const stranger = spawn('sleep', ['600'], {
      stdio: 'ignore',
      ...(account && { uid: account.uid, gid: account.gid }),
    })
    children.push(stranger)
    await writePidFile(join(home.dir, 'main'), Number(stranger.pid))

    await main.start()

    assert.deepEqual(await ask(main, 'select n from kept'), [{ n: 7 }])
    assert.equal(stranger.exitCode, null)
  })

  it('refuses a second copy on the same folder and names the first', async () => {
    const refused = await refusal(cluster('main').start())

    assert.equal(refused.code, 'EMBEDDED_ALREADY_RUNNING')
    assert.match(refused.message, new RegExp(`process ${String(main.pid)}\\) is running on`))
    assert.deepEqual(await ask(main, 'select n from kept'), [{ n: 7 }])
  })

  it('says so when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await main.stop()

    const refused = await refusal(cluster('main', { port }).start())
    other.close()
    await main.start()

    assert.equal(refused.code, 'EMBEDDED_PORT_TAKEN')
    assert.match(refused.message, new RegExp(`Port ${port} `))
  })

  it('refuses a cluster of another major version', async () => {
    await main.stop()
    const file = join(home.dir, 'main', 'PG_VERSION')
    const made = await readFile(file, 'utf8')
    await writeFile(file, '13\n')

    const refused = await refusal(main.start())
    await writeFile(file, made)
    await main.start()

    assert.equal(refused.code, 'EMBEDDED_WRONG_VERSION')
    assert.match(refused.message, /made by PostgreSQL 13, and this is PostgreSQL \d+/)
  })

  it('refuses a folder that holds something else', async () => {
    await mkdir(join(home.dir, 'photos'))
    await writeFile(join(home.dir, 'photos', 'PG_VERSION'), '18\n')

    const refused = await refusal(cluster('photos').start())

    assert.equal(refused.code, 'EMBEDDED_NOT_A_CLUSTER')
    assert.deepEqual(await readdir(join(home.dir, 'photos')), ['PG_VERSION'])
  })

  it('leaves no server running when its process is killed', async () => {
    await main.stop()
    const child = startChild()
    child.send(options('main'))
    const [{ pid }] = (await once(child, 'message')) as [{ pid: number }]
    assert.ok(isAlive(pid))

    child.kill('SIGKILL')

    await until(() => !isAlive(pid))
    await main.start()
    assert.deepEqual(await ask(main, 'select n from kept'), [{ n: 7 }])
  })

  it('recovers from an initdb that was killed half-way', async () => {
    const child = startChild()
    child.send(options('half'))
    await until(async () => (await halfMade('half')).some((name) => name.endsWith('PG_VERSION')))
    child.kill('SIGKILL')
    await once(child, 'exit')
    await assert.rejects(stat(join(home.dir, 'half')), { code: 'ENOENT' })

    const recovered = await cluster('half').start()
    const rows = await ask(recovered, 'select 1 as one')
    await recovered.stop()

    assert.deepEqual(rows, [{ one: 1 }])
    assert.deepEqual(await halfMade('half'), [])
  })

  it('works under umask 077, heals missing links, and shows its password to nobody', async () => {
    const server = cluster('strict', { binDir: await copyWithoutLinks() })
    const seen = new Set<string>()
    const watch = setInterval(() => {
      for (const line of commandLines()) seen.add(line)
    }, 20)
    const umask = process.umask(0o077)
    try {
      await server.start()
    } finally {
      process.umask(umask)
      clearInterval(watch)
    }
    const rows = await ask(server, 'select 1 as one')
    await server.stop()

    assert.deepEqual(rows, [{ one: 1 }])
    assert.ok([...seen].some((line) => line.includes('initdb') && line.includes('--pwfile=')))
    assert.deepEqual(
      [...seen].filter((line) => line.includes(PASSWORD)),
      [],
    )
    assert.equal((await stat(join(home.dir, 'strict'))).mode & 0o777, 0o700)
  })

  it('opens a Unix socket only where its path fits', async () => {
    const socketDir = join(home.dir, 's')
    await main.stop()
    const server = await new EmbeddedPostgres({ ...options('main'), socketDir }).start()
    const files = await readdir(socketDir)
    await server.stop()
    await main.start()

    assert.ok(files.includes(`.s.PGSQL.${server.port}`))
    const tooLong = new EmbeddedPostgres({ ...options('main'), socketDir: `/${'x'.repeat(90)}` })
    assert.equal(tooLong.socketDir, undefined)
  })

  function startChild(): ChildProcess {
    const child = fork(join(import.meta.dirname, 'embedded-child.ts'), {
      execArgv: ['--import', 'tsx'],
    })
    children.push(child)
    return child
  }

  /** Everything that lies beside a cluster's place because it is not whole yet. */
  async function halfMade(name: string): Promise<string[]> {
    const beside = await readdir(home.dir)
    const workshop = beside.find((entry) => entry.startsWith(`${name}.new-`))
    return workshop === undefined ? [] : readdir(join(home.dir, workshop), { recursive: true })
  }

  /** The binaries as `npm ci --ignore-scripts` leaves them: no link among the libraries. */
  async function copyWithoutLinks(): Promise<string> {
    const shipped = dirname(home.binDir)
    const copy = join(home.dir, 'native')
    await cp(join(shipped, 'bin'), join(copy, 'bin'), { recursive: true })
    await cp(join(shipped, 'lib'), join(copy, 'lib'), {
      recursive: true,
      filter: (source) => !source.endsWith('.a'),
    })
    const list = await readFile(join(shipped, 'pg-symlinks.json'), 'utf8')
    const links = JSON.parse(list) as { target: string }[]
    for (const { target } of links) await rm(join(copy, 'lib', basename(target)), { force: true })
    await writeFile(join(copy, 'pg-symlinks.json'), list)
    await symlink(join(shipped, 'share'), join(copy, 'share'))
    return join(copy, 'bin')
  }
})
