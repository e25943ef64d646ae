/** One field of a form, as a browser sends it (RFC 7578). */
export interface FormPart {
  readonly name: string
  /** There for a field that takes files, empty where none was chosen. */
  readonly fileName: string | undefined
  readonly bytes: Buffer
}

/** RFC 2046, 5.1.1: at most 70 characters. */
const BOUNDARY = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i
const LINE = Buffer.from('\r\n')
const BLANK_LINE = Buffer.from('\r\n\r\n')
const LAST = Buffer.from('--')
/** Our own forms have fewer; more are a burden and no form. */
const PARTS_MOST = 20
const NAME = /;\s*name="([^"]*)"/i
const FILE_NAME = /;\s*filename="([^"]*)"/i

/** The fields of a body of multipart/form-data; undefined where it is none, or was cut off. */
export function readMultipart(contentType: string, body: Buffer): readonly FormPart[] | undefined {
  const [, quoted, bare] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? bare
  if (boundary === undefined) return undefined
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  // the first delimiter has no line before it
  const whole = Buffer.concat([LINE, body])
  const parts: FormPart[] = []
  let at = whole.indexOf(delimiter)
  while (at >= 0) {
    const from = at + delimiter.length
    if (whole.subarray(from, from + LAST.length).equals(LAST)) return parts
    const next = whole.indexOf(delimiter, from)
    const part = next < 0 ? undefined : readPart(whole.subarray(from, next))
    if (part === undefined || parts.length === PARTS_MOST) return undefined
    parts.push(part)
    at = next
  }
  return undefined
}

/** What stands between two delimiters: the end of the line, headers, an empty line, the value. */
function readPart(bytes: Buffer): FormPart | undefined {
  const end = bytes.indexOf(BLANK_LINE)
  if (end < 0) return undefined
  const [, ...headers] = bytes.subarray(0, end).toString('utf8').split('\r\n')
  const disposition = headers.find((header) => /^content-disposition:\s*form-data\b/i.test(header))
  const [, name] = NAME.exec(disposition ?? '') ?? []
  if (disposition === undefined || name === undefined) return undefined
  const [, fileName] = FILE_NAME.exec(disposition) ?? []
  return { name, fileName, bytes: bytes.subarray(end + BLANK_LINE.length) }
}
