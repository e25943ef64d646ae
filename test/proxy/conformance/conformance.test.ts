import { TwoSides } from './two-sides.ts'
import { anyOrderCases } from './cases/any-order.ts'
import { copyCases } from './cases/copy.ts'
import { encryptionCases } from './cases/encryption.ts'
import { flowCases } from './cases/flow.ts'
import { framingCases } from './cases/framing.ts'
import { endCases } from './cases/ends.ts'
import { loginCases } from './cases/login.ts'
import { outcomeCases } from './cases/outcomes.ts'
import { startUpCases } from './cases/start-up.ts'
import { statementCases } from './cases/statements.ts'

describe('the protocol, through the proxy and without it', () => {
  let sides: TwoSides

  before(async () => {
    sides = await TwoSides.make()
  })
  after(() => sides.close())

  startUpCases(() => sides)
  encryptionCases(() => sides)
  loginCases(() => sides)
  framingCases(() => sides)
  statementCases(() => sides)
  outcomeCases(() => sides)
  copyCases(() => sides)
  anyOrderCases(() => sides)
  flowCases(() => sides)
  endCases(() => sides)
})
