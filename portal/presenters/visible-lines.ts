export { visibleLines } from '../../lib/visible.ts'
