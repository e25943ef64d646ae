import assert from 'node:assert/strict'
import {
  judgeAccess,
  type AccessFacts,
  type HbaRule,
} from '../../broker/preflight/direct-access.ts'

const NOBODY_KNOWS: AccessFacts = {
  login: 'daypass_broker',
  brokerAddress: '10.0.5.10',
  sameHost: false,
  memberships: ['daypass_session', 'orders_reader'],
  rules: undefined,
}

describe('direct access', () => {
  it('is warned of where the trial got in from another host, with the lines that close it', () => {
    const { state, finding } = judgeAccess(NOBODY_KNOWS, 'let in')

    assert.equal(state, 'unknown')
    assert.equal(finding.verdict, 'warning')
    assert.match(finding.sentence, /directly from 10\.0\.5\.10/)
    assert.deepEqual(finding.remedy?.split('\n').slice(1), [
      'hostssl all daypass_broker 10.0.5.10/32 scram-sha-256',
      'hostssl all +daypass_session <proxy address>/32 scram-sha-256',
      'host    all +daypass_session all reject',
    ])
  })

  it("can't be told from the same host, nor by the trial that was kept out where the broker stands", () => {
    const beside = judgeAccess({ ...NOBODY_KNOWS, sameHost: true }, 'let in')
    const kept = judgeAccess(NOBODY_KNOWS, 'rejected')

    for (const { state, finding } of [beside, kept]) {
      assert.deepEqual([state, finding.verdict], ['unknown', 'note'])
      assert.match(finding.remedy ?? '', /^grant select on pg_hba_file_rules to "daypass_broker";/)
    }
    assert.match(kept.finding.sentence, /out from 10\.0\.5\.10.* elsewhere/)
  })

  it('names the broker in pg_hba as its login is written there', () => {
    const logins = ['Daypass_Broker', 'day pass', '+staff', 'all', 'the "one"', 'a,b#c']
    const lines = logins.map((login) => {
      const { finding } = judgeAccess({ ...NOBODY_KNOWS, login }, 'let in')
      return finding.remedy?.split('\n')[1]
    })

    assert.deepEqual(
      lines,
      ['Daypass_Broker', '"day pass"', '"+staff"', '"all"', '"the ""one"""', '"a,b#c"'].map(
        (login) => `hostssl all ${login} 10.0.5.10/32 scram-sha-256`,
      ),
    )
  })

  const judged: [name: string, lines: string[], state: string, sentence: RegExp][] = [
    ['everybody from everywhere', ['host all all 0.0.0.0/0 md5'], 'open', /from everywhere/],
    ['all addresses by word', ['host all all all md5'], 'open', /from everywhere/],
    ['a whole network', ['hostssl all all 10.1.0.0/16 md5'], 'open', /from 10\.1\.0\.0\/16/],
    ['IPv6 alone', ['host all all ::/0 md5'], 'open', /from everywhere/],
    [
      'the lines of the manual',
      [
        'hostssl all daypass_broker 10.0.5.10/32 md5',
        'hostssl all +daypass_session 10.0.5.11/32 md5',
        'host all +daypass_session all reject',
        'host all all 0.0.0.0/0 md5',
      ],
      'closed',
      /from 10\.0\.5\.11\/32 alone/,
    ],
    [
      'a rejection that comes too late',
      ['host all all 0.0.0.0/0 md5', 'host all +daypass_session all reject'],
      'open',
      /everywhere/,
    ],
    [
      'a rejection of encrypted connections alone',
      ['hostssl all +daypass_session all reject', 'host all all 0.0.0.0/0 md5'],
      'open',
      /everywhere/,
    ],
    [
      'a rejection for one database alone',
      ['host shop +daypass_session all reject', 'host all all 0.0.0.0/0 md5'],
      'open',
      /everywhere/,
    ],
    [
      'a rejection of one network, and everything else let in',
      ['host all all 10.0.0.0/8 reject', 'host all all 0.0.0.0/0 md5'],
      'open',
      /everywhere/,
    ],
    [
      'a network inside one that is rejected',
      ['host all +daypass_session 10.0.0.0/8 reject', 'host all all 10.1.0.0/16 md5'],
      'closed',
      /from nowhere/,
    ],
    [
      'a role that session users are lent',
      ['host all +orders_reader 10.1.0.0/16 md5'],
      'open',
      /10\.1\.0\.0\/16/,
    ],
    [
      'what is other people’s',
      [
        'host all +staff 0.0.0.0/0 md5',
        'host all ann 0.0.0.0/0 md5',
        'host replication all 0.0.0.0/0 md5',
      ],
      'closed',
      /from nowhere/,
    ],
    ['this machine', ['host all all 127.0.0.0/8 md5'], 'closed', /from 127\.0\.0\.0\/8 alone/],
    [
      'one host that is believed whoever it says it is',
      ['host all all 10.0.5.11/32 trust'],
      'open',
      /10\.0\.5\.11\/32 without a password/,
    ],
    [
      'this machine where everybody is believed',
      ['host all +daypass_session 127.0.0.1/32 ident', 'host all all 10.0.5.11/32 md5'],
      'open',
      /127\.0\.0\.1\/32 without a password/,
    ],
    [
      'other people’s who are believed, and lines that a rejection comes before',
      [
        'host all ann 10.0.5.11/32 trust',
        'hostssl all +daypass_session 10.0.5.11/32 md5',
        'host all +daypass_session all reject',
        'host all all 127.0.0.1/32 trust',
      ],
      'closed',
      /from 10\.0\.5\.11\/32 alone/,
    ],
    [
      'a line that asks for a password before one that asks for none',
      ['host all all 10.0.5.11/32 scram-sha-256', 'host all all 10.0.5.11/32 trust'],
      'closed',
      /from 10\.0\.5\.11\/32 alone/,
    ],
    [
      'a line for connections encrypted by GSS',
      [
        'hostgssenc all all all trust',
        'hostssl all +daypass_session 10.0.5.11/32 md5',
        'host all +daypass_session all reject',
      ],
      'open',
      /everywhere without a password/,
    ],
    [
      'a rejection of connections encrypted by TLS, and of those that are not',
      [
        'hostssl all all all reject',
        'hostnossl all +daypass_session all reject',
        'host all all all md5',
      ],
      'closed',
      /from nowhere/,
    ],
    [
      'a rejection of all but those encrypted by GSS',
      ['hostnogssenc all all all reject', 'host all all all md5'],
      'open',
      /everywhere/,
    ],
    [
      'users of other names',
      [
        'host all /^app_ all trust',
        'host all /^app?$ all trust',
        'hostssl all +daypass_session 10.0.5.11/32 md5',
      ],
      'closed',
      /from 10\.0\.5\.11\/32 alone/,
    ],
    ['users of names like theirs', ['host all /^dp_ 10.0.0.0/8 md5'], 'open', /10\.0\.0\.0\/8/],
    ['users of every name', ['host all /. 10.0.0.0/8 md5'], 'open', /10\.0\.0\.0\/8/],
    [
      'a rejection of their names',
      ['host all /^dp_ all reject', 'host all all all md5'],
      'closed',
      /from nowhere/,
    ],
    [
      'users of names that may be theirs',
      [
        'host all /^dp_ann|ops$ all md5',
        'hostssl all +daypass_session 10.0.5.11/32 md5',
        'host all +daypass_session all reject',
      ],
      'unknown',
      /"\/\^dp_ann\|ops\$" may fit.* from everywhere/,
    ],
    [
      'users of names that may be theirs, but from a host of the proxies',
      ['host all /ann$ 10.0.5.11/32 md5', 'host all +daypass_session all reject'],
      'closed',
      /from 10\.0\.5\.11\/32 alone/,
    ],
    [
      'users of names that may be theirs, where everybody gets in anyway',
      ['host all /[ann$ all md5', 'host all all all md5'],
      'open',
      /everywhere/,
    ],
  ]
  for (const [name, lines, state, sentence] of judged) {
    it(`is ${state} with ${name}`, () => {
      const exposure = judgeAccess({ ...NOBODY_KNOWS, rules: lines.map(ruleOf) }, 'unknown')

      assert.equal(exposure.state, state)
      assert.match(exposure.finding.sentence, sentence)
    })
  }
})

/** A line as the server's view splits it. */
function ruleOf(line: string): HbaRule {
  const [type = '', database = '', user = '', where = '', method = ''] = line.split(' ')
  const [address = '', bits] = where.split('/')
  const netmask = bits === undefined ? null : maskOf(address, Number(bits))
  return { type, databases: [database], users: [user], address, netmask, method }
}

function maskOf(address: string, bits: number): string {
  if (address.includes(':')) return bits === 128 ? 'ffff:'.repeat(8).slice(0, -1) : '::'
  const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
  return [24, 16, 8, 0].map((shift) => String((mask >>> shift) & 255)).join('.')
}
