import type { Organization } from './organization.ts'
import { at, type Place, type Places } from './place.ts'

const session =
  (which: keyof Organization['sessions']): Place['path'] =>
  ({ sessions }) =>
    `/sessions/${sessions[which]}`

/** Sessions: asked for, decided, used, and over. */
export const PLACES_OF_SESSIONS: Places = {
  '/sessions': [
    {
      name: 'sessions',
      line: 'Sessions under way, by what they wait for.',
      reader: 'mark',
      path: at('/sessions'),
    },
    {
      name: 'sessions-of-all',
      line: 'An admin sees everyone’s, and may end them all.',
      reader: 'admin',
      path: at('/sessions?whose=all'),
    },
    {
      name: 'sessions-none',
      line: 'Before the first request.',
      reader: 'mark',
      world: 'quiet',
      path: at('/sessions'),
    },
  ],
  '/sessions/new': [
    {
      name: 'request',
      line: 'Request Access: eligible roles, those that are not explain themselves.',
      reader: 'john',
      path: at('/sessions/new?dataSource=shop'),
    },
    {
      name: 'request-filled',
      line: 'A link filled it in: the window in both zones, and who must approve.',
      reader: 'mark',
      path: at(
        '/sessions/new?dataSource=shop&roles=role1&roles=role3&minutes=45&when=approval&justification=INC-2291',
      ),
    },
    {
      name: 'request-refused',
      line: 'What is wrong stands at its field; nothing typed is lost.',
      reader: 'mark',
      path: at('/sessions/new?dataSource=shop&justification=INC-2291'),
      then: async (page) => {
        await page.getByRole('button', { name: 'Request access' }).click()
        await page.getByRole('alert').first().waitFor()
      },
    },
    {
      name: 'request-nothing',
      line: 'Nothing to ask for yet.',
      reader: 'mark',
      world: 'bare',
      path: at('/sessions/new'),
    },
  ],
  '/sessions/:id': [
    {
      name: 'session-created',
      line: 'CREATED: it waits for its approvals.',
      reader: 'mark',
      path: session('created'),
    },
    {
      name: 'session-to-decide',
      line: 'The same for an approver of a dangerous role, who decides here.',
      reader: 'john',
      path: session('dangerous'),
    },
    {
      name: 'session-approved',
      line: 'APPROVED: it waits for its start.',
      reader: 'wei.li',
      path: session('approved'),
    },
    {
      name: 'session-granted',
      line: 'GRANTED: connections, what runs now, every statement, more time asked for.',
      reader: 'mark',
      path: session('granted'),
    },
    {
      name: 'session-credential',
      line: 'A credential, shown once.',
      reader: 'mark',
      path: session('granted'),
      then: async (page) => {
        await page.getByRole('button', { name: 'Make a credential' }).click()
        await page.locator('#credential-url').waitFor()
      },
    },
    {
      name: 'session-denied',
      line: 'DENIED, with the reason.',
      reader: 'mark',
      path: session('denied'),
    },
    {
      name: 'session-canceled',
      line: 'CANCELED by its requester.',
      reader: 'mark',
      path: session('canceled'),
    },
    {
      name: 'session-expired',
      line: 'EXPIRED: its time ran out.',
      reader: 'mark',
      path: session('expired'),
    },
    {
      name: 'session-lapsed',
      line: 'EXPIRED: nobody approved it in time.',
      reader: 'mark',
      path: session('lapsed'),
    },
    {
      name: 'session-terminated',
      line: 'TERMINATED by an admin; what it left behind.',
      reader: 'salma.idrissi',
      path: session('terminated'),
    },
  ],
  '/sessions/:id/running': [
    {
      name: 'running',
      line: 'What runs in a session at this moment.',
      reader: 'audrey',
      path: ({ sessions }) => `/sessions/${sessions.granted}/running`,
    },
  ],
  '/sessions/:id/statements/:connection/:number': [
    {
      name: 'statement',
      line: 'One statement whole, with its neighbours.',
      reader: 'audrey',
      path: ({ sessions }) => `/sessions/${sessions.granted}/statements/${sessions.connection}/2`,
    },
  ],
  '/approvals': [
    {
      name: 'approvals',
      line: 'Pending Approvals: what only this person can decide, with what is unusual about it.',
      reader: 'admin',
      path: at('/approvals'),
    },
    {
      name: 'approvals-none',
      line: 'Nothing waits.',
      reader: 'john',
      world: 'quiet',
      path: at('/approvals'),
    },
  ],
  '/history': [
    {
      name: 'history',
      line: 'Session History, with what was hidden.',
      reader: 'mark',
      path: at('/history?deleted=true'),
    },
    {
      name: 'history-none',
      line: 'Before the first session ended.',
      reader: 'mark',
      world: 'quiet',
      path: at('/history'),
    },
  ],
}
