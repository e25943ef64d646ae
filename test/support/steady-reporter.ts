import Mocha from 'mocha'

/**
 * Mocha's spec reporter, which also lists at the end every test that failed and held when it was tried
 * again, with what it failed of: with `--retries`, mocha itself says nothing of them.
 */
export default class SteadyReporter extends Mocha.reporters.Spec {
  readonly #failedTries = new Map<string, Error>()

  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options)
    runner.on('retry', (test: Mocha.Test, error: Error) => {
      this.#failedTries.set(test.fullTitle(), error)
    })
    runner.on('fail', (test) => {
      this.#failedTries.delete(test.fullTitle())
    })
  }

  override epilogue(): void {
    super.epilogue()
    for (const [title, { stack, message }] of this.#failedTries) {
      process.stdout.write(`NOT STEADY: ${title}\n  ${stack ?? message}\n`)
    }
  }
}
