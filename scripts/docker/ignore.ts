/**
 * What a `.dockerignore` keeps out of a build, as a function of paths relative to its folder.
 *
 * A pattern is for a path or any folder above it; of those that match the last one counts, and one
 * with `!` lets back in.
 * Source: https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function ignoring(text: string): (path: string) => boolean {
  const patterns = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const lets = line.startsWith('!');
      return { lets, expression: expressionOf(lets ? line.slice(1) : line) };
    });
  return (path) => {
    const parts = path.split('/');
    const selfAndParents = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    const last = patterns.findLast(({ expression }) =>
      selfAndParents.some((candidate) => expression.test(candidate)),
    );
    return last !== undefined && !last.lets;
  };
}

/** `*` and `?` stay within a name; `**` stands for any number of folders. */
function expressionOf(pattern: string): RegExp {
  const clean = pattern.replace(/^\.?\//, '').replace(/\/$/, '');
  const source = clean.replace(/\*\*\/|\*\*|[*?]|[^\w/]/g, (found) => {
    if (found === '**/') return '(?:.*/)?';
    if (found === '**') return '.*';
    if (found === '*') return '[^/]*';
    return found === '?' ? '[^/]' : `\\${found}`;
  });
  return new RegExp(`^${source}$`);
}
