/**
 * `node --import tsx --import ./bench/built.mjs bench/FILE.ts` measures what is built, as users have it:
 * tsx has esbuild keep names, so that each closure made is given its name anew, which shows in calls of 1 ms.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const root = new URL('..', import.meta.url).href;
const source = `${root}src/`;

// The hooks run in a thread of their own, from this file, too.
if (isMainThread) register(import.meta.url);

export async function resolve(specifier, context, nextResolve) {
  const resolved = await nextResolve(specifier, context);
  const [url] = resolved.url.split('?');
  if (!url.startsWith(source) || !url.endsWith('.ts')) return resolved;
  const built = `${root}dist/${url.slice(source.length, -'.ts'.length)}.js`;
  return { url: built, format: 'module', shortCircuit: true };
}
