/** Type bytes of what a client sends (manual, "Message Formats"). */
export const FROM_CLIENT = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  functionCall: 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  copyDone: 0x63, // c
  copyData: 0x64, // d
  copyFail: 0x66, // f
  password: 0x70, // p: also both SASL responses
} as const

/** Type bytes of what a server sends. */
export const FROM_SERVER = {
  parseComplete: 0x31, // 1
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  notification: 0x41, // A
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  error: 0x45, // E
  copyIn: 0x47, // G
  copyOut: 0x48, // H
  emptyQuery: 0x49, // I
  backendKey: 0x4b, // K
  notice: 0x4e, // N
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  rowDescription: 0x54, // T
  functionResult: 0x56, // V
  copyBoth: 0x57, // W
  ready: 0x5a, // Z
  copyDone: 0x63, // c
  copyData: 0x64, // d
  noData: 0x6e, // n
  portalSuspended: 0x73, // s
  parameterTypes: 0x74, // t
  negotiation: 0x76, // v
} as const

/** The request codes that stand where a start-up packet has its version. */
export const STARTUP_CODE = {
  cancel: 80877102,
  tls: 80877103,
  gss: 80877104,
} as const

/** Protocol 3: the major number is the high half of the version. */
export const PROTOCOL_MAJOR = 3
