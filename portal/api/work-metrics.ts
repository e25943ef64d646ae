import { Counter, Gauge, type Registry } from 'prom-client'
import type { WorkCounts } from '../../db/work-counts.ts'

/** Opens the numbers of the broker's work; the answer sets them anew, or leaves them out when it has none. */
export function openWorkMetrics(registry: Registry): (counts: WorkCounts | undefined) => void {
  const registers = [registry]
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers })
  const by = <L extends string>(label: L, name: string, help: string): Gauge<L> =>
    new Gauge({ name, help, labelNames: [label] as const, registers })
  const alerts = by('rule', 'daypass_alerts', 'Open alerts by rule')
  const raised = new Counter({
    name: 'daypass_alerts_raised_total',
    help: 'Alerts ever raised by rule',
    labelNames: ['rule'] as const,
    registers,
  })
  const jobs = by('kind', 'daypass_jobs', 'Work of the broker that is not done, by kind')
  const tasks = by('outcome', 'daypass_tasks_last_hour', 'What the broker did in the last hour')
  const plain = {
    removalsPending: gauge('daypass_removals_pending', 'Ended sessions whose user is not removed'),
    removalsBlocked: gauge('daypass_removals_blocked', 'Removals that keep failing'),
    oldestRemovalSeconds: gauge(
      'daypass_oldest_removal_seconds',
      'Seconds since the end of the session whose user waits longest for its removal',
    ),
    grantsDue: gauge('daypass_grants_due', 'Approved sessions whose time has come'),
    mailsWaiting: gauge('daypass_mails_waiting', 'Letters that are due and not sent'),
  } as const
  const complete = gauge('daypass_work_counted', '1 where the store answered these in time')

  return (counts) => {
    for (const metric of [alerts, raised, jobs, tasks]) metric.reset()
    for (const metric of Object.values(plain)) metric.remove()
    complete.set(counts === undefined ? 0 : 1)
    if (counts === undefined) return
    for (const [rule, count] of counts.openAlerts) alerts.set({ rule }, count)
    for (const [rule, count] of counts.raisedAlerts) raised.inc({ rule }, count)
    for (const [kind, count] of counts.jobs) jobs.set({ kind }, count)
    for (const [outcome, count] of counts.tasks) tasks.set({ outcome }, count)
    plain.removalsPending.set(counts.removalsPending)
    plain.removalsBlocked.set(counts.removalsBlocked)
    plain.oldestRemovalSeconds.set(counts.oldestRemovalSeconds)
    plain.grantsDue.set(counts.grantsDue)
    plain.mailsWaiting.set(counts.mailsWaiting)
  }
}
