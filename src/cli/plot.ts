import { InvalidArgumentError } from 'commander';
import type { SurfacePage } from '../experiments/report/surface-page.ts';
import { writeOutput } from './output-file.ts';

export function parsePlotFile(text: string): string {
  if (!/\.(html|svg)$/i.test(text)) {
    throw new InvalidArgumentError('It must end in .html or .svg.');
  }
  return text;
}

/** Writes a figure of where scalers went; as a page or as a picture, by the file's ending. */
export async function writePlot(file: string, page: SurfacePage): Promise<void> {
  // What draws is loaded only when something is drawn.
  const { surfacePage, surfacePicture } = await import('../experiments/report/surface-page.ts');
  const text = /\.svg$/i.test(file) ? surfacePicture(page) : surfacePage(page);
  await writeOutput('--plot', file, text);
}
