import { DnnScalerError } from '../errors.ts';
import type { ModelSignature, TensorSpec } from '../tensor/row.ts';
import type { Normalization, PreprocessingSpec } from './preprocess.ts';

/** What a model's shape does not tell about the images it was trained on. */
export type PreprocessingHint = Partial<
  Pick<PreprocessingSpec, 'resize' | 'position' | 'padding' | 'channelOrder' | 'normalization'>
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
  /** TF-Slim's inception_preprocessing.py, to the value: a central crop of 87.5%, [-1, 1]. */
  'slim-inception': {
    resize: { kind: 'central-crop', fraction: 0.875 },
    channelOrder: 'RGB',
    normalization: half,
  },
  /** TF-Slim's vgg_preprocessing.py, to the value: shorter side 256, less the mean colour. */
  'slim-vgg': {
    resize: { kind: 'shorter-side', px: 256 },
    channelOrder: 'RGB',
    normalization: { scale: 1, mean: [123.68, 116.78, 103.94], std: [1, 1, 1] },
  },
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
 * [height, width, 3] or [3, height, width], the rest from the hint (what it leaves out is as in
 * `inception`), or from what is recognized where there is no hint.
 *
 * The normalization is for FP32 inputs; a network that takes UINT8 has its own inside.
 *
 * @throws DnnScalerError `invalid-argument` when the model does not look like an image network
 *   (one UINT8 or FP32 input with three channels), or leaves a dimension open
 */
export function specForSignature(
  signature: ModelSignature,
  hint: PreprocessingHint = preprocessingHints[recognizePreprocessing(signature)],
): PreprocessingSpec {
  const [input, ...others] = signature.inputs;
  if (input === undefined || others.length > 0 || input.dims.length !== 3) {
    throw notAnImageModel(signature);
  }
  if (input.dims.some((dim) => dim < 1)) throw openShape(input);
  const { datatype } = input;
  const layout = layoutOf(input);
  if (layout === undefined || (datatype !== 'UINT8' && datatype !== 'FP32')) {
    throw notAnImageModel(signature);
  }
  const [first, second, third] = input.dims as [number, number, number];
  const [height, width] = layout === 'NHWC' ? [first, second] : [second, third];
  const { normalization, ...rest } = { ...preprocessingHints.inception, ...hint };
  return {
    ...rest,
    width,
    height,
    layout,
    datatype,
    ...(datatype === 'FP32' ? { normalization } : {}),
  };
}

function layoutOf({ dims }: TensorSpec): PreprocessingSpec['layout'] | undefined {
  if (dims[2] === 3) return 'NHWC';
  return dims[0] === 3 ? 'NCHW' : undefined;
}

function openShape(input: TensorSpec): DnnScalerError {
  const example = layoutOf(input) === 'NHWC' ? '1,224,224,3' : '1,3,224,224';
  return new DnnScalerError(
    'invalid-argument',
    `a folder of images needs a model whose image size is known; the input ` +
      `${describeInput(input)} leaves it open: fix it with --shape, ` +
      `such as --shape ${input.name}=${example}`,
  );
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
