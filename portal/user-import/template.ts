import { COLUMNS } from './columns.ts'

/** As spreadsheets need it to read UTF-8 (see portal/csv.ts). */
const BYTE_ORDER_MARK = '\ufeff'

/** A file to fill in: the heading and one line of an example. */
export const TEMPLATE = `${BYTE_ORDER_MARK}${COLUMNS.map(({ heading }) => heading).join(',')}\r\nann.example,Ann Example,ann@example.com,yes,no,no,None,never\r\n`
