import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { entryFile } from './entry-file.ts';
import { openProcessLink } from './process-link.ts';

describe('entryFile', () => {
  it('is the compiled file, also when asked from source', () => {
    const file = fileURLToPath(entryFile('thread-entry'));
    expect(file).toMatch(/dist[\\/]engines[\\/]onnx[\\/]thread-entry\.js$/);
  });

  it('says what to do when it has not been built', () => {
    expect(() => entryFile('thread-entry', 'file:///none/src/engines/onnx/entry-file.ts')).toThrow(
      /none.dist.engines.onnx.thread-entry\.js is missing; run "npm run build" first/,
    );
  });
});

describe('openProcessLink', () => {
  const { execPath } = process;
  afterEach(() => {
    process.execPath = execPath;
  });

  it('tells of a process that could not be started', async () => {
    process.execPath = '/nonexistent/node';
    const how = await new Promise<string>((resolve) => {
      const link = openProcessLink({ onMessage: () => undefined, onGone: resolve });
      link.post({ kind: 'release' });
    });
    expect(how).toMatch(/could not be started: .*ENOENT/);
  });
});
