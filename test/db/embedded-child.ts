import { EmbeddedPostgres, type EmbeddedPostgresOptions } from '../../db/embedded.ts'

// A process of its own that starts a cluster as told and waits to be killed.
process.once('message', (options: EmbeddedPostgresOptions) => {
  void new EmbeddedPostgres(options).start().then(({ pid }) => process.send?.({ pid }))
})
