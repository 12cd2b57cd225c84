import { invalidArgument } from '../../errors.ts';

/** Where a server is: the origin to connect to, and what comes before `/v2` in every path. */
export interface ServerAddress {
  /** Such as `http://localhost:8000`. */
  readonly origin: string;
  /** '' or such as `/seldon/models`, without a slash at its end. */
  readonly basePath: string;
}

/**
 * Reads a server's address. `http://` may be left out, and a `/v2` at the end is taken for the
 * protocol's own.
 *
 * @throws DnnScalerError `invalid-argument` when the text is no HTTP URL, or holds a user, a query
 *   or a fragment
 */
export function parseServerUrl(text: string): ServerAddress {
  const rule = 'must be an HTTP URL such as http://localhost:8000';
  const withScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) throw invalidArgument('the server', rule, text);
  const url = new URL(withScheme);
  const isPlain = url.username === '' && url.password === '' && url.search + url.hash === '';
  if (!/^https?:$/.test(url.protocol) || url.hostname === '' || !isPlain) {
    throw invalidArgument('the server', rule, text);
  }
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, '').replace(/\/v2$/, '') };
}
