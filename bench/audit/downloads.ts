import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { findRow, iso } from '../../db/store.ts'
import { keepFolder } from '../../test/support/clearing.ts'
import { runTool } from '../proxy/tools.ts'
import type { DateTime } from 'luxon'
import type { AuditWorld } from './world.ts'

/** The share of psql's records a second that each format is to reach. */
const GOALS = { text: 0.5, csv: 0.3, jsonl: 0.5 } as const
type Format = keyof typeof GOALS
const FORMATS = ['text', 'csv', 'jsonl'] as const satisfies readonly Format[]
const MEGABYTES_AT_MOST = 150

const STAMP = `'YYYY-MM-DD HH24:MI:SS'`
const UTC = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`
/** The columns of our files, as SQL has them. */
const COLUMNS = `to_char(r.at, ${STAMP}), r.session_id, coalesce(r.state, r.action), r.scope, r.actor_name, r.requester,
  array_to_string(r.roles, ', '), r.username, to_char(r.start_at, ${STAMP}), to_char(r.end_at, ${STAMP}), r.data_source,
  coalesce(p.payload #>> '{reason,value}', p.payload #>> '{justification,value}'), p.payload #>> '{client_ip,value}',
  to_char(r.at, ${UTC}), to_char(r.start_at, ${UTC}), to_char(r.end_at, ${UTC})`

/** Downloads the newest records in each format, beside psql's \copy of the same columns. */
export async function timeDownloads(world: AuditWorld, records: number): Promise<string> {
  const since = await instantOf(world, records)
  const lines: string[] = []
  for (const format of FORMATS) {
    const copied = await copy(world, format, since)
    const own = await download(world, format, since)
    const share = own.rate / (copied ?? Number.NaN)
    lines.push(
      `| ${format} | ${perSecond(own.rate)} | ${copied === undefined ? 'no psql here' : perSecond(copied)} | ${share.toFixed(2)} (goal ${String(GOALS[format])}) | ${own.megabytes.toFixed(0)} MB (goal ${String(MEGABYTES_AT_MOST)}) |`,
    )
  }
  return `| download of ${String(records)} records | ours | psql \\copy | share | portal's peak |
|---|---|---|---|---|
${lines.join('\n')}`
}

async function instantOf({ store, audrey }: AuditWorld, records: number): Promise<DateTime<true>> {
  const row = await findRow<{ at: DateTime<true> }>(
    store.db,
    `select at
       from records
      where organization_id = :organization
      order by at desc, seq desc
     offset :records
      limit 1`,
    { organization: audrey.organization.id, records: records - 1 },
  )
  if (row === undefined) throw new Error('the trail is shorter than what is to be downloaded')
  return row.at
}

async function download(
  { portalUrl, portalPid, token }: AuditWorld,
  format: Format,
  since: DateTime<true>,
): Promise<{ readonly rate: number; readonly megabytes: number }> {
  forgetPeak(portalPid)
  const began = performance.now()
  const query = new URLSearchParams({
    format,
    view: 'all',
    since: iso(since),
    includeFilters: 'true',
  })
  const answer = await fetch(`${portalUrl}/api/v1/audit/download?${query.toString()}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  if (!answer.ok || answer.body === null) throw new Error(`answered ${String(answer.status)}`)
  await answer.body.pipeTo(new WritableStream())
  const seconds = (performance.now() - began) / 1000
  const count = Number(answer.headers.get('daypass-records'))
  return { rate: count / seconds, megabytes: peakOf(portalPid) }
}

/** Records a second; undefined where there is no psql. */
async function copy(
  { ownerUrl, audrey }: AuditWorld,
  format: Format,
  since: DateTime<true>,
): Promise<number | undefined> {
  const file = path.join(await keepFolder('daypass-bench-copy-'), 'records')
  const columns = format === 'jsonl' ? `${COLUMNS}, r.body` : COLUMNS
  const sql = `select ${columns} from records r left join record_payloads p on p.at = r.at and p.seq = r.seq
    where r.organization_id = '${audrey.organization.id}' and r.at >= '${iso(since)}' order by r.at desc, r.seq desc`
  const command = `\\copy (${sql.replaceAll(/\s+/g, ' ')}) to '${file}' (format ${format === 'csv' ? 'csv' : 'text'})`
  const began = performance.now()
  try {
    const said = await runTool('psql', ['--no-psqlrc', ownerUrl, '--command', command], {})
    return Number(/COPY (\d+)/.exec(said)?.[1]) / ((performance.now() - began) / 1000)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Linux alone counts a process's peak, and starts anew when told (proc(5), clear_refs). */
function forgetPeak(pid: number): void {
  if (process.platform === 'linux') writeFileSync(`/proc/${String(pid)}/clear_refs`, '5')
}

function peakOf(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

function perSecond(rate: number): string {
  return `${(rate / 1000).toFixed(1)} thousand a second`
}
