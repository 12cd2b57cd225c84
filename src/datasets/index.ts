export * from './decode-image.ts';
export * from './image-folder.ts';
export * from './image-signature.ts';
export * from './image-source.ts';
export * from './preprocess.ts';
export * from './random-row.ts';
