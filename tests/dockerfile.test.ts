/** What `npm run test:docker` relies on: reading a Dockerfile, its rules, and `.dockerignore`. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ignoring } from '../scripts/docker/ignore.ts';
import { execForm, parseDockerfile, variablesOf } from '../scripts/docker/parse.ts';
import { faultsOf } from '../scripts/docker/rules.ts';

const ours = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8');

describe('parseDockerfile', () => {
  it('reads stages, flags, continued lines and comments between them', () => {
    const text = `# first
FROM node:22 AS build
run npm ci \\
  # a remark

  && npm run build
FROM scratch
COPY --from=build /app/dist dist
ENV A=1 B="two words" \\
    C=`;
    const [build, last] = parseDockerfile(text);
    expect(build).toMatchObject({ base: 'node:22', name: 'build' });
    expect(build?.instructions).toEqual([
      { name: 'RUN', flags: {}, text: 'npm ci && npm run build', line: 3 },
    ]);
    expect(last).toMatchObject({ base: 'scratch', name: undefined });
    expect(last?.instructions[0]).toMatchObject({
      flags: { from: 'build' },
      text: '/app/dist dist',
    });
    expect([...variablesOf(last!.instructions[1]!)]).toEqual([
      ['A', '1'],
      ['B', 'two words'],
      ['C', ''],
    ]);
  });

  it.each([
    ['RUN before any FROM', /line 1.*before the first FROM/],
    ['FROM a b c', /line 1.*FROM IMAGE/],
    ['FROM a\nADD x y', /line 2.*cannot be run here/],
    ['FROM a\nRUN <<EOF\nls\nEOF', /line 2.*heredoc/],
    ['FROM a\nRUN --mount=type=cache,target=x ls', /line 2.*--mount/],
    ['FROM a\nRUN ls \\\n', /line 2.*in the middle/],
    ['# nothing', /no FROM/],
  ])('refuses %j', (text, reason) => {
    expect(() => parseDockerfile(text)).toThrow(reason);
  });

  it('refuses variables that a shell would have to fill in', () => {
    const [stage] = parseDockerfile('FROM a\nENV A=$HOME');
    expect(() => variablesOf(stage!.instructions[0]!)).toThrow(/line 2/);
  });

  it('tells the exec form from the shell form', () => {
    expect(execForm('["node", "a b.js"]')).toEqual(['node', 'a b.js']);
    for (const text of ['node a.js', '["node", 1]', "['node']", '[ -f a ]']) {
      expect(execForm(text)).toBeUndefined();
    }
  });
});

describe('the rules', () => {
  const faults = (text: string): string =>
    faultsOf(parseDockerfile(text), { http: 8000, grpc: 8001 }, [20, 22]).join('\n');

  it('are kept by our Dockerfile', () => {
    expect(faults(ours)).toBe('');
  });

  it.each([
    ['npm ci --omit=dev', 'npm install --omit=dev', /npm ci: npm install/],
    ['npm ci', 'npm i', /npm ci: npm i$/m],
    [/^USER node\n/m, '', /plain USER: root/],
    [/^USER node$/m, 'USER 0:0', /plain USER: 0:0/],
    [/^USER node\n/m, 'USER node\nCOPY package.json ./\n', /belong to root/],
    [/^EXPOSE .*$/m, 'EXPOSE 8000', /default port 8001/],
    [/:8000\/v2/, ':9000/v2', /HEALTH_URL must name port 8000/],
    [/^ENTRYPOINT .*$/m, 'ENTRYPOINT node dist/cli/main.js serve', /ENTRYPOINT.*JSON array/],
    [/^HEALTHCHECK [^]*?\n.*$/m, '', /HEALTHCHECK.*JSON array/],
    [/^FROM node:22-bookworm-slim$/m, 'FROM node:latest', /node:latest/],
    [/^FROM node:22-bookworm-slim$/m, 'FROM node:22-alpine', /node:22-alpine/],
    [/^FROM manifest AS build$/m, 'FROM manifst AS build', /manifst/],
  ])('see %s replaced by %j', (from, to, fault) => {
    const changed = ours.replace(from, to);
    expect(changed).not.toBe(ours);
    expect(faults(changed)).toMatch(fault);
  });
});

describe('ignoring', () => {
  it.each([
    ['node_modules', ['node_modules', 'node_modules/a/b'], ['src/node_modules', 'node_modules2']],
    ['**/*.log', ['a.log', 'a/b/c.log'], ['a.logs']],
    ['*.log', ['a.log', 'a.log/b'], ['a/b.log']],
    ['*\n!src', ['a', 'b/c'], ['src', 'src/a']],
    ['*\n!src\n**/*.test.ts', ['src/a.test.ts', 'src/b/a.test.ts'], ['src/a.ts']],
    ['*\n!scripts/build.ts', ['scripts/other.ts'], ['scripts/build.ts']],
    ['# a\n\n/a?/', ['ab', 'ab/c'], ['a', 'abc']],
  ])('%j', (text, kept, letIn) => {
    const isIgnored = ignoring(text);
    expect(kept.filter((file) => !isIgnored(file))).toEqual([]);
    expect(letIn.filter(isIgnored)).toEqual([]);
  });
});
