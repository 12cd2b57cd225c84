import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { HttpProblem } from './status.ts';

export interface GuardSettings {
  readonly managementToken: string | undefined;
  readonly alwaysRequireToken: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

/**
 * Decides who may change something. A web page that a user of this machine visits can make their
 * browser send requests here. It then carries the page's `Origin`, or, when the page's own name was
 * made to point here (DNS rebinding), a `Host` that is a stranger's name; both are refused. Who
 * comes from another machine must know the token.
 */
export class Guard {
  readonly #settings: GuardSettings;
  readonly #hosts: ReadonlySet<string>;
  readonly #tokenDigest: Buffer | undefined;
  /** Whether other machines can connect; assumed until told otherwise. */
  isExposed = true;

  constructor(settings: GuardSettings) {
    this.#settings = settings;
    this.#hosts = new Set(['localhost', ...settings.allowedHosts.map((h) => h.toLowerCase())]);
    const token = settings.managementToken;
    this.#tokenDigest = token === undefined ? undefined : digest(token);
  }

  /** @throws HttpProblem 401 or 403 unless the request may change something */
  checkChange(request: IncomingMessage): void {
    this.#checkHost(request.headers.host);
    this.#checkOrigin(request.headers.origin, request.headers.host);
    const needsToken = this.isExposed || this.#settings.alwaysRequireToken;
    if (needsToken || request.headers.authorization !== undefined) {
      this.checkToken(request, 'changing anything');
    }
  }

  /** @param action what needs the token, for the message. @throws HttpProblem 401 or 403 */
  checkToken(request: IncomingMessage, action: string): void {
    if (this.#tokenDigest === undefined) {
      throw new HttpProblem(403, `${action} needs a management token, and none is configured`);
    }
    const given = /^bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    // Digests have one length, so that neither it nor the first difference shows in the time taken.
    if (given === undefined || !timingSafeEqual(digest(given), this.#tokenDigest)) {
      const challenge = { 'www-authenticate': 'Bearer' };
      throw new HttpProblem(401, `${action} needs the management token`, challenge);
    }
  }

  #checkHost(host: string | undefined): void {
    const name = hostName(host ?? '');
    if (isIP(name) === 0 && !this.#hosts.has(name)) {
      const rule = 'must be localhost, an IP address or an allowed host';
      throw new HttpProblem(403, `the Host header ${rule}; received ${JSON.stringify(host)}`);
    }
  }

  #checkOrigin(origin: string | undefined, host: string | undefined): void {
    if (origin === undefined || this.#settings.allowedOrigins.includes(origin)) return;
    if (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()) return;
    const rule = "must be the server's own or an allowed origin";
    throw new HttpProblem(403, `the Origin header ${rule}; received ${JSON.stringify(origin)}`);
  }
}

/** Whether only this machine can reach an address that a server listens on. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./i.test(address);
}

/** `::1` from `[::1]:8000`, `example.org` from `Example.org:8000`. */
function hostName(host: string): string {
  const name = /^\[([^\]]*)\](?::\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, '');
  return name.toLowerCase();
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
