import type { Tab } from './audit-pages.ts'

/** The page of applications among the views of the Audit tab. */
export const APPLICATIONS_TAB: Tab = {
  href: '/audit/applications',
  label: 'Applications audit',
  current: false,
}
