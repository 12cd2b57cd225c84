import { createHash, timingSafeEqual } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { Metadata } from '@grpc/grpc-js';
import { GrpcProblem } from './status.ts';

export interface ManagementSettings {
  readonly managementToken: string | undefined;
  readonly alwaysRequireToken: boolean;
}

/** Decides who may change something: the rules of the HTTP server, told in statuses of gRPC. */
export class Management {
  readonly #tokenDigest: Buffer | undefined;
  readonly #alwaysRequireToken: boolean;
  /** Whether other machines can connect; assumed until told otherwise. */
  isExposed = true;

  constructor({ managementToken, alwaysRequireToken }: ManagementSettings) {
    this.#tokenDigest = managementToken === undefined ? undefined : digest(managementToken);
    this.#alwaysRequireToken = alwaysRequireToken;
  }

  /** @throws GrpcProblem `UNAUTHENTICATED` or `PERMISSION_DENIED` unless the caller may */
  checkChange(metadata: Metadata): void {
    const isTokenGiven = metadata.get('authorization').length > 0;
    if (this.isExposed || this.#alwaysRequireToken || isTokenGiven) {
      this.checkToken(metadata, 'changing anything');
    }
  }

  /** @param action what needs the token, for the message. @throws GrpcProblem as above */
  checkToken(metadata: Metadata, action: string): void {
    if (this.#tokenDigest === undefined) {
      const message = `${action} needs a management token, and none is configured`;
      throw new GrpcProblem(status.PERMISSION_DENIED, message);
    }
    const [header] = metadata.get('authorization');
    const given = /^bearer +(.+)$/i.exec(header?.toString() ?? '')?.[1];
    // Digests have one length, so that neither it nor the first difference shows in the time taken.
    if (given === undefined || !timingSafeEqual(digest(given), this.#tokenDigest)) {
      throw new GrpcProblem(status.UNAUTHENTICATED, `${action} needs the management token`);
    }
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
