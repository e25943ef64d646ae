/** Work that a notice can set going at once; whatever else a notice says, the sweep looks for. */
const KINDS = ['grant', 'removal'] as const
export type NoticedKind = (typeof KINDS)[number]

/** Which work there is, and on which data source. */
export interface NoticedWork {
  readonly kind: NoticedKind
  readonly dataSourceId: string
}

/** What brokers are told when a job is written down. */
export function workNotice(kind: NoticedKind, dataSourceId: string): string {
  return `${kind} ${dataSourceId}`
}

/** What such a notice says; undefined for every other. */
export function readWorkNotice(notice: string | undefined): NoticedWork | undefined {
  const [word, dataSourceId] = notice?.split(' ') ?? []
  const kind = KINDS.find((known) => known === word)
  return kind === undefined || dataSourceId === undefined ? undefined : { kind, dataSourceId }
}
