import type { InferMessage } from '../../oip/client/infer-messages.ts';
import type { RowSource } from '../../workload/row-source.ts';

/** The requests of a load, encoded beforehand and sent in turn. */
export interface LoadRequests {
  readonly source: RowSource<InferMessage>;
  /** What one request holds, for people. */
  readonly description: string;
  /** What a reader should know of them, in sentences. */
  readonly notes: readonly string[];
}
