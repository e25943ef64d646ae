/** What has become of a session's database user since its end. */
export interface Removal {
  /** `blocked`: it has been tried for longer than it should take; it is tried for ever. */
  readonly state: 'none' | 'pending' | 'blocked' | 'done'
  /** Why the last try failed, in a sentence. */
  readonly detail: string | null
  /**
   * Whether the user can still log in to the data source directly, past the proxies; null where
   * nothing is to be removed. `unproven`: nobody knows yet.
   */
  readonly login: 'taken' | 'unproven' | 'remains' | null
}

/**
 * How the detail of a removal begins where its user can still log in to the data source directly, and
 * where a try ended before anybody knew. Pages, alerts and the API tell by it: no other detail may
 * begin so.
 */
export const LOGIN_REMAINS = "Its login can't be taken"
export const LOGIN_UNPROVEN = 'That nobody can still log in directly is not proven'

/**
 * SQL: whether the user of an ended session `s`, whose removal is the job `j`, can still log in. No
 * try yet proves nothing; a user that was never granted never could.
 */
export const LOGIN_LEFT = `
            case when s.granted_at is null then 'taken'
                 when starts_with(j.detail, '${LOGIN_REMAINS.replaceAll("'", "''")}') then 'remains'
                 when j.detail is null or starts_with(j.detail, '${LOGIN_UNPROVEN}') then 'unproven'
                 else 'taken'
            end`
