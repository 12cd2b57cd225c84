import { readFile } from 'node:fs/promises';
import { listImages } from '../../datasets/image-folder.ts';
import { DnnScalerError } from '../../errors.ts';
import type { InferMessage } from '../../oip/client/infer-messages.ts';
import { Random } from '../../random.ts';
import { syntheticSource } from '../../workload/row-source.ts';
import type { LoadRequests } from './load-requests.ts';

/** Memory for images read beforehand. */
const budgetBytes = 256 * 2 ** 20;

/** How the formats that travel as a plain body begin, as hexadecimal digits. */
const signatures: Readonly<Record<string, string>> = {
  ffd8ff: 'image/jpeg',
  '89504e47': 'image/png',
};

/**
 * The JPEG and PNG files of a folder as request bodies, for servers that take an encoded image as
 * the whole body of an inference request (DNNScaler's does; it is no part of the protocol). They
 * are read beforehand, in an order drawn from the seed, and sent in turn.
 *
 * @throws DnnScalerError `not-found` or `invalid-argument` for a folder without such images
 */
export async function imageRequests(folder: string, seed: number): Promise<LoadRequests> {
  const files = new Random(seed).shuffle(await listImages(folder, '--input'));
  const messages: InferMessage[] = [];
  let bytes = 0;
  let skipped = 0;
  let unread = 0;
  for (const file of files) {
    if (bytes >= budgetBytes) {
      unread += 1;
      continue;
    }
    const body = await readFile(file);
    const contentType = contentTypeOf(body);
    if (contentType === undefined) {
      skipped += 1;
      continue;
    }
    bytes += body.byteLength;
    messages.push({ body, headers: { 'content-type': contentType } });
  }
  if (messages.length === 0) {
    throw new DnnScalerError(
      'invalid-argument',
      `--input must hold JPEG or PNG images; ${JSON.stringify(folder)} holds others only`,
    );
  }
  const source = syntheticSource((index) => messages[index] as InferMessage, {
    distinct: messages.length,
  });
  const notes = [
    ...(skipped === 0 ? [] : [`${skipped} images are neither JPEG nor PNG and were left out`]),
    ...(unread === 0 ? [] : [`${unread} images were left out to save memory`]),
  ];
  return { source, description: `one of ${messages.length} images of ${folder}`, notes };
}

function contentTypeOf(body: Buffer): string | undefined {
  const start = body.toString('hex', 0, 4);
  return Object.entries(signatures).find(([prefix]) => start.startsWith(prefix))?.[1];
}
