import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { assertRecorded, runProgram, ThroughProxy, type Recorded } from './through-proxy.ts'

/** From libpostgresql-jdbc-java. */
const JDBC = '/usr/share/java/postgresql.jar'
/** Where Debian's packages of Go libraries put their source. */
const GO_PATH = '/usr/share/gocode'
/** Where Debian's packages of Rust libraries put theirs, and the compiler that they are made for. */
const CRATES = '/usr/share/cargo/registry'
const CARGO = '/usr/bin/cargo'

const JAVA = `
import java.io.StringReader;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public class Main {
  public static void main(String[] args) throws Exception {
    String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
    Properties properties = new Properties();
    properties.setProperty("user", System.getenv("PGUSER"));
    properties.setProperty("password", System.getenv("PGPASSWORD"));
    properties.setProperty("sslmode", "disable");
    properties.setProperty("prepareThreshold", "3");
    try (Connection con = DriverManager.getConnection(url, properties)) {
      try (PreparedStatement add = con.prepareStatement("insert into goods (name) values (?)")) {
        for (int n = 0; n < 100; n++) { add.setString(1, "java " + n); add.addBatch(); }
        if (add.executeBatch().length != 100) throw new Exception("a batch of another size");
      }
      try (PreparedStatement ask = con.prepareStatement("select ?::int4 * 2")) {
        for (int n = 0; n < 8; n++) {
          ask.setInt(1, n);
          try (ResultSet rows = ask.executeQuery()) { rows.next(); if (rows.getInt(1) != 2 * n) throw new Exception("wrong"); }
        }
      }
      con.setAutoCommit(false);
      try (Statement walk = con.createStatement()) {
        walk.setFetchSize(30);
        int sum = 0;
        try (ResultSet rows = walk.executeQuery("select n from generate_series(1, 100) n")) { while (rows.next()) sum += rows.getInt(1); }
        if (sum != 5050) throw new Exception("rows are missing");
      }
      con.commit();
      con.setAutoCommit(true);
      CopyManager copy = con.unwrap(PGConnection.class).getCopyAPI();
      if (copy.copyIn("copy goods (name) from stdin", new StringReader("x\\ny\\nz\\n")) != 3) throw new Exception("copied something else");
      try (Statement bad = con.createStatement()) {
        bad.execute("select 1/0");
        throw new Exception("it did not fail");
      } catch (SQLException error) {
        if (!"22012".equals(error.getSQLState())) throw error;
      }
      try (Statement slow = con.createStatement()) {
        slow.setQueryTimeout(1);
        slow.execute("select pg_sleep(20)");
        throw new Exception("it was not cancelled");
      } catch (SQLException error) {
        if (!"57014".equals(error.getSQLState())) throw error;
      }
      try (ResultSet tables = con.getMetaData().getTables(null, "public", "goods", null)) { if (!tables.next()) throw new Exception("no such table"); }
      con.createStatement().execute("select 'pgjdbc was here'");
    }
  }
}
`

const GO = `
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	_ "github.com/lib/pq"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func failsWith(err error, code string) {
	var failure *pgconn.PgError
	if !errors.As(err, &failure) || failure.Code != code {
		must(fmt.Errorf("not %s but %v", code, err))
	}
}

func main() {
	ctx := context.Background()
	con, err := pgx.Connect(ctx, "")
	must(err)
	batch := &pgx.Batch{}
	for n := 0; n < 50; n++ {
		batch.Queue("insert into goods (name) values ($1) returning id", fmt.Sprintf("go %d", n))
	}
	must(con.SendBatch(ctx, batch).Close())
	var sum int64
	var text string
	must(con.QueryRow(ctx, "select $1::int8 + 1, $2::text", int64(41), "it's").Scan(&sum, &text))
	if sum != 42 || text != "it's" {
		must(errors.New("another answer"))
	}
	copied, err := con.CopyFrom(ctx, pgx.Identifier{"goods"}, []string{"name"}, pgx.CopyFromRows([][]interface{}{{"a"}, {"b"}}))
	must(err)
	if copied != 2 {
		must(errors.New("copied something else"))
	}
	_, err = con.PgConn().CopyFrom(ctx, strings.NewReader("c\\n"), "copy goods (name) from stdin")
	must(err)
	_, err = con.Exec(ctx, "select 1 / $1::int", 0)
	failsWith(err, "22012")
	_, err = con.Exec(ctx, "select 'pgx was here'")
	must(err)
	must(con.Close(ctx))

	db, err := sql.Open("postgres", "")
	must(err)
	db.SetMaxOpenConns(1)
	for n := 0; n < 5; n++ {
		var back string
		must(db.QueryRow("select $1::text || '!'", fmt.Sprintf("pq %d", n)).Scan(&back))
	}
	soon, end := context.WithTimeout(ctx, 300*time.Millisecond)
	defer end()
	if _, err := db.ExecContext(soon, "select pg_sleep(20)"); err == nil {
		must(errors.New("it was not cancelled"))
	}
	_, err = db.Exec("select 'lib/pq was here'")
	must(err)
	must(db.Close())
}
`

const RUST = `
use tokio_postgres::{Config, NoTls};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let of = |name: &str| std::env::var(name).unwrap();
    let (client, connection) = Config::new()
        .host(&of("PGHOST")).port(of("PGPORT").parse()?)
        .user(&of("PGUSER")).password(of("PGPASSWORD")).dbname(&of("PGDATABASE"))
        .connect(NoTls).await?;
    tokio::spawn(connection);
    let add = client.prepare("insert into goods (name) values ($1)").await?;
    for n in 0..20 {
        client.execute(&add, &[&format!("rust {}", n)]).await?;
    }
    // sent before the first is answered: a pipeline
    let (a, b) = tokio::join!(
        client.query_one("select $1::int4 + 1", &[&1i32]),
        client.query_one("select $1::int8 + 1", &[&2i64]),
    );
    assert_eq!((a?.get::<_, i32>(0), b?.get::<_, i64>(0)), (2, 3));
    let failed = client.execute("select 1 / $1::int4", &[&0i32]).await.unwrap_err();
    assert_eq!(failed.code().unwrap().code(), "22012");
    client.batch_execute("begin; select 1; commit").await?;
    client.simple_query("select 'tokio-postgres was here'").await?;
    Ok(())
}
`

const CARGO_TOML = `
[package]
name = "client"
version = "0.1.0"
edition = "2021"
[dependencies]
tokio = { version = "1", features = ["rt", "macros", "net"] }
tokio-postgres = "0.7"
`
const CARGO_CONFIG = `
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "${CRATES}"
`

describe('drivers of Java, Go and Rust through the proxy', () => {
  let proxy: ThroughProxy

  before(async () => {
    proxy = await ThroughProxy.start()
  })

  after(() => proxy.close())

  it('pgjdbc: a batch, prepared on the server, fetched by pieces, COPY, a timeout', async () => {
    const source = await proxy.source('Main.java', JAVA)
    const program = { command: 'java', args: ['-XX:TieredStopAtLevel=1', '-cp', JDBC, source] }
    const recording = await recordingOf(program, "select 'pgjdbc was here'")
    const added = recording.filter(({ text }) => text === 'insert into goods (name) values ($1)')
    assert.deepEqual(
      added.map(({ values }) => values[0]),
      Array.from({ length: 100 }, (_, n) => `java ${n}`),
    )
    const asked = recording.filter(({ text }) => text === 'select $1::int4 * 2')
    assert.deepEqual(
      asked.map(({ values }) => values[0]),
      ['0', '1', '2', '3', '4', '5', '6', '7'],
    )
    assertRecorded(recording, 'select n from generate_series(1, 100) n', {
      rows: 100,
      outcome: 'ok',
    })
    assertRecorded(recording, 'copy goods (name) from stdin', {
      kind: 'copy in',
      bytes: 6,
      tag: 'COPY 3',
    })
    assertRecorded(recording, 'select 1/0', { sqlstate: '22012' })
    assertRecorded(recording, 'select pg_sleep(20)', { sqlstate: '57014' })
  })

  it('Go: pgx and lib/pq, with a batch, binary values, COPY, a timeout', async () => {
    const source = await proxy.source('main.go', GO)
    const built = await runProgram({
      command: 'go',
      args: ['build', '-o', `${proxy.folder}/client-go`, source],
      environment: {
        GOPATH: GO_PATH,
        GO111MODULE: 'off',
        GOCACHE: `${proxy.folder}/go-cache`,
        GOFLAGS: '',
      },
    })
    assert.equal(built.code, 0, built.stderr)
    const program = { command: `${proxy.folder}/client-go`, args: [] }
    const recording = await recordingOf(program, "select 'lib/pq was here'")
    assert.equal(recording.filter(({ text }) => text.startsWith('insert into goods')).length, 50)
    assertRecorded(recording, 'select $1::int8 + 1, $2::text', {
      values: ['41', "it's"],
      tag: 'SELECT 1',
    })
    assertRecorded(recording, /^copy "goods"/, { kind: 'copy in', tag: 'COPY 2' })
    assertRecorded(recording, 'select 1 / $1::int', { values: ['0'], sqlstate: '22012' })
    assertRecorded(recording, "select $1::text || '!'", { values: ['pq 4'] })
    assertRecorded(recording, 'select pg_sleep(20)', { sqlstate: '57014' })
  })

  it('Rust: tokio-postgres with prepared statements, binary values and a pipeline', async () => {
    const folder = path.join(proxy.folder, 'rust')
    await mkdir(path.join(folder, 'src'), { recursive: true })
    await mkdir(path.join(folder, '.cargo'))
    await writeFile(path.join(folder, 'src', 'main.rs'), RUST)
    await writeFile(path.join(folder, 'Cargo.toml'), CARGO_TOML)
    await writeFile(path.join(folder, '.cargo', 'config.toml'), CARGO_CONFIG)
    const built = await runProgram({
      command: CARGO,
      args: ['build', '--offline', '--quiet', '--manifest-path', `${folder}/Cargo.toml`],
      directory: folder,
      environment: {
        CARGO_HOME: `${folder}/.cargo`,
        RUSTC: '/usr/bin/rustc',
        CARGO_INCREMENTAL: '0',
        CARGO_PROFILE_DEV_DEBUG: '0',
      },
    })
    assert.equal(built.code, 0, built.stderr)
    const program = { command: `${folder}/target/debug/client`, args: [] }
    const recording = await recordingOf(program, "select 'tokio-postgres was here'")
    const added = recording.filter(({ text }) => text.startsWith('insert into goods'))
    assert.deepEqual(
      added.map(({ values }) => values[0]),
      Array.from({ length: 20 }, (_, n) => `rust ${n}`),
    )
    assertRecorded(recording, 'select $1::int4 + 1', { values: ['1'] })
    assertRecorded(recording, 'select $1::int8 + 1', { values: ['2'] })
    assertRecorded(recording, 'select 1 / $1::int4', { values: ['0'], sqlstate: '22012' })
  }).timeout(180_000)

  async function recordingOf(
    program: { readonly command: string; readonly args: readonly string[] },
    last: string,
  ): Promise<readonly Recorded[]> {
    const granted = await proxy.world.grant()
    await proxy.output(granted, program)
    return proxy.recorded(granted, ({ text, tag }) => text === last && tag !== null)
  }
})
