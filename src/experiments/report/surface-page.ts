import { html, Markup } from './markup.ts';
import { css } from './style.ts';
import type { SurfaceFigure } from './surface-chart.ts';
import { surfaceChart } from './surface-chart.ts';
import { ChartPainter } from './svg.ts';

const pageSize = { width: 560, height: 380 };
/** A picture of its own stands where no page scales it. */
const pictureSize = { width: 840, height: 520 };

export interface SurfacePage {
  readonly title: string;
  /** What the figure is of, in sentences. */
  readonly about: string;
  readonly figure: SurfaceFigure;
}

/** One HTML page with the figure inside, asking the network for nothing. */
export function surfacePage({ title, about, figure }: SurfacePage): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Markup(css)} figure svg {
            max-width: 900px;
          }
        </style>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          <p>${about}</p>
          <figure>${surfaceChart(new ChartPainter(), figure, title, pageSize)}</figure>
        </main>
      </body>
    </html> `.text;
}

/** The figure alone, as an SVG file. */
export function surfacePicture({ title, figure }: SurfacePage): string {
  const { text } = surfaceChart(new ChartPainter(), figure, title, pictureSize);
  const { width, height } = pictureSize;
  return text.replace(
    /^<svg /,
    `<svg width="${width}" height="${height}" style="font-family: sans-serif; background: #fff" `,
  );
}
