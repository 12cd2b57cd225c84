import { AccuracyMeter } from '../datasets/accuracy.ts';
import type { ImageSource } from '../datasets/image-source.ts';
import { openImageFolder, openUndecodedFolder } from '../datasets/image-source.ts';
import type { PreprocessingHint } from '../datasets/image-signature.ts';
import { specForSignature } from '../datasets/image-signature.ts';
import type { Engine } from '../engines/engine.ts';
import { InlinePreprocessing } from '../engines/inline-preprocessing.ts';
import type { OnnxEngine } from '../engines/onnx/onnx-engine.ts';
import type { Row } from '../tensor/row.ts';

/**
 * When images are decoded and preprocessed: ahead of the calls and beside them, or inside each call,
 * one after the other, as in the paper's own programs.
 */
export const preprocessingModes = ['pipelined', 'inline'] as const;
export type PreprocessingMode = (typeof preprocessingModes)[number];

export interface ImagesOnEngineOptions {
  readonly folder: string;
  readonly mode: PreprocessingMode;
  /** Decides the order of the images. */
  readonly seed: number;
  /** What the model's shapes do not tell of its images; default: what is recognized. */
  readonly hint?: PreprocessingHint;
  readonly labelsFile?: string;
  /** Memory for decoded images that come again, when pipelined; default 256 MiB, 0 keeps none. */
  readonly cacheBytes?: number;
  /** Name of the option that gave the folder, for error messages. */
  readonly what?: string;
}

/** An engine and images to feed it with. */
export interface ImagesOnEngine {
  /** The engine given, or one around it that decodes; closing it closes the other. */
  readonly engine: Engine<Row, Row>;
  readonly source: ImageSource;
  readonly accuracy: AccuracyMeter;
  /** To be called with each row of the source and its reply. */
  readonly onReply: (row: Row, reply: Row) => void;
}

/**
 * Opens a folder of images for a model. The engine stays the caller's if this throws.
 *
 * @throws DnnScalerError as `openImageFolder` and `specForSignature` do
 */
export async function imagesOnEngine(
  engine: OnnxEngine,
  { folder, mode, hint, ...options }: ImagesOnEngineOptions,
): Promise<ImagesOnEngine> {
  const spec = specForSignature(engine.signature, hint);
  const joined = (around: Engine<Row, Row>, source: ImageSource): ImagesOnEngine => {
    const accuracy = new AccuracyMeter(source.labels, engine.signature);
    return {
      engine: around,
      source,
      accuracy,
      onReply: (row, reply) => {
        const item = source.itemOf(row);
        if (item !== undefined) accuracy.record(item, reply);
      },
    };
  };
  if (mode === 'pipelined') {
    return joined(engine, await openImageFolder(folder, spec, options));
  }
  const images = await openUndecodedFolder(folder, spec, options);
  const around = new InlinePreprocessing({
    engine,
    prepare: (row: Row) => images.decode(row),
    blank: engine.knownGoodRow,
  });
  return joined(around, images);
}
