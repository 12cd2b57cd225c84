import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * Ends a run with `N passed, N failed` alone on a line, which any CI can read. A file that could
 * not be loaded and an error outside any test count as failed, as they fail the run. Tests that
 * passed only when they were tried again are named before it: each is a defect to look into.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const flaky: string[] = [];
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      if (module.errors().length > 0) count.failed += 1;
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) count.failed += 1;
      }
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1;
        if (test.diagnostic()?.flaky === true) flaky.push(`${module.moduleId}: ${test.fullName}`);
      }
    }
    const flakyText = flaky.map((name) => `passed at the second try: ${name}\n`).join('');
    const skipped = count.skipped + count.pending;
    const skippedText = skipped === 0 ? '' : `, ${skipped} skipped`;
    // After the other reporters' own summary, whatever their order.
    process.once('exit', () => {
      process.stdout.write(
        `\n${flakyText}${count.passed} passed, ${count.failed} failed${skippedText}\n`,
      );
    });
  }
}
