import { DnnScalerError } from '../errors.ts';
import type { ModelSignature, TensorSpec } from '../tensor/row.ts';
import type { Normalization, PreprocessingSpec } from './preprocess.ts';

/** What a model's shape does not tell about the images it was trained on. */
export type PreprocessingHint = Partial<
  Pick<
    PreprocessingSpec,
    'resize' | 'position' | 'padding' | 'channelOrder' | 'normalization'
  >
>;

const half: Normalization = { scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

const imageNetStatistics: Normalization = {
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** The pipelines that are known by name. */
export const preprocessingHints = {
  /** Values in [-1, 1], as TF-Slim scales for its Inception and MobileNet networks. */
  inception: { resize: 'cover', channelOrder: 'RGB', normalization: half },
  /** ImageNet's channel statistics, as torchvision's pretrained networks take them. */
  imagenet: { resize: 'cover', channelOrder: 'RGB', normalization: imageNetStatistics },
  /**
   * PP-OCR's text-direction classifier (PaddleOCR, tools/infer/predict_cls.py): BGR, fitted to the
   * height from the left, [-1, 1]. Lines longer than 4:1 are squeezed there, and lowered here.
   */
  'pp-ocr-classifier': {
    resize: 'contain',
    position: 'left-top',
    padding: 128,
    channelOrder: 'BGR',
    normalization: half,
  },
  /**
   * PP-OCR's text detector (PaddleOCR, configs/det/ch_PP-OCRv4): BGR, stretched to multiples of
   * 32, ImageNet's statistics by position (the first, red's, on blue).
   */
  'pp-ocr-detector': {
    resize: 'stretch',
    channelOrder: 'BGR',
    normalization: imageNetStatistics,
  },
} as const satisfies Record<string, PreprocessingHint>;

export type PreprocessingName = keyof typeof preprocessingHints;

/**
 * The named pipeline that a model's shapes point to; `inception` unless they are those of a known
 * model: [3, 48, 192] to 2 for PP-OCR's classifier, [3, 32 a, 32 b] to one map for its detector.
 */
export function recognizePreprocessing(signature: ModelSignature): PreprocessingName {
  const dims = signature.inputs[0]?.dims ?? [];
  const outputDims = signature.outputs.length === 1 ? signature.outputs[0]?.dims : undefined;
  if (dims[0] !== 3 || outputDims === undefined) return 'inception';
  const [, height = 0, width = 0] = dims;
  if (height === 48 && width === 192 && outputDims.length === 1 && outputDims[0] === 2) {
    return 'pp-ocr-classifier';
  }
  const isMap = outputDims.length === 3 && outputDims[0] === 1;
  return isMap && height % 32 === 0 && width % 32 === 0 ? 'pp-ocr-detector' : 'inception';
}

/**
 * How images become the input of this model: size, layout and type from its one input of
 * [height, width, 3] or [3, height, width], the rest from the hint, or from what is recognized.
 *
 * The normalization is for FP32 inputs; a network that takes UINT8 has its own inside.
 *
 * @throws DnnScalerError `invalid-argument` when the model does not look like an image network,
 *   or leaves its height or width open
 */
export function specForSignature(
  signature: ModelSignature,
  hint: PreprocessingHint = preprocessingHints[recognizePreprocessing(signature)],
): PreprocessingSpec {
  const input = signature.inputs[0];
  const layout = input === undefined ? undefined : layoutOf(input);
  const datatype = input?.datatype;
  if (
    signature.inputs.length !== 1 ||
    input === undefined ||
    layout === undefined ||
    (datatype !== 'UINT8' && datatype !== 'FP32')
  ) {
    throw notAnImageModel(signature);
  }
  const spatial = layout === 'NHWC' ? input.dims : input.dims.slice(1);
  const [height = -1, width = -1] = spatial;
  if (height < 1 || width < 1) {
    throw new DnnScalerError(
      'invalid-argument',
      `images need a model of known height and width; the input ${describeInput(input)} leaves ` +
        `them open: fix them with --shape, such as --shape ${input.name}=1,${exampleDims(layout)}`,
    );
  }
  const { normalization, ...rest } = hint;
  return {
    resize: 'cover',
    channelOrder: 'RGB',
    ...rest,
    width,
    height,
    layout,
    datatype,
    ...(datatype === 'FP32' && normalization !== undefined ? { normalization } : {}),
  };
}

function layoutOf({ dims }: TensorSpec): PreprocessingSpec['layout'] | undefined {
  if (dims.length !== 3) return undefined;
  if (dims[2] === 3) return 'NHWC';
  return dims[0] === 3 ? 'NCHW' : undefined;
}

function exampleDims(layout: PreprocessingSpec['layout']): string {
  return layout === 'NHWC' ? '224,224,3' : '3,224,224';
}

function notAnImageModel({ inputs }: ModelSignature): DnnScalerError {
  return new DnnScalerError(
    'invalid-argument',
    'a folder of images needs a model with one image input, UINT8 or FP32, of ' +
      '[height, width, 3] or [3, height, width]; ' +
      `this one has ${inputs.length === 0 ? 'no inputs' : inputs.map(describeInput).join(', ')}`,
  );
}

/** `x FP32 [3, 48, ?]`. */
function describeInput({ name, datatype, dims }: TensorSpec): string {
  return `${name} ${datatype} [${dims.map((dim) => (dim < 0 ? '?' : dim)).join(', ')}]`;
}
