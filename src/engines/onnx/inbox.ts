import { DnnScalerError } from '../../errors.ts';
import { FrameReader } from './frames.ts';
import type { FrameReaderOptions } from './frames.ts';
import type { Framed } from './protocol.ts';
import type { SharedFile } from './shared-file.ts';

export interface InboxOptions<Message> extends Pick<FrameReaderOptions<Message>, 'allocate'> {
  readonly file: SharedFile | undefined;
  readonly onMessage: (message: Message, payload: ArrayBuffer) => void;
}

/**
 * Reads what an `Outbox` sends: the messages on the socket, with their payloads from wherever they are.
 * Its methods throw when a payload cannot be read.
 */
export function openInbox<Message extends object>({
  allocate,
  file,
  onMessage,
}: InboxOptions<Message>): FrameReader<Framed<Message>> {
  return new FrameReader<Framed<Message>>({
    allocate,
    onFrame: ({ stored, ...message }, followed) => {
      let payload = followed;
      if (stored !== undefined) {
        if (file === undefined) throw new DnnScalerError('internal', 'no file is shared');
        payload = allocate(stored.bytes);
        file.read(stored, payload);
      }
      onMessage(message as unknown as Message, payload);
    },
  });
}
