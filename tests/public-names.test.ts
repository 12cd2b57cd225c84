import { describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

const entryPoints = Object.entries(packageJson.exports).flatMap(([subpath, target]) =>
  typeof target === 'string' ? [] : [{ subpath, built: target.default }],
);

// Taking a name away breaks whoever imports it: `vitest -u` says that this is meant.
describe('what the package exports', () => {
  it.each(entryPoints)('at $subpath has the same values as before', async ({ built }) => {
    const source = built.replace('./dist/', '../src/').replace(/\.js$/, '.ts');
    const exported = (await import(source)) as Record<string, unknown>;
    expect(Object.keys(exported).toSorted()).toMatchSnapshot();
  });
});
