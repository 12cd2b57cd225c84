import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import type { EChartsCoreOption } from 'echarts/core';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { Markup, escapeHtml } from './markup.ts';

use([
  BarChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  TitleComponent,
  SVGRenderer,
]);

export interface ChartSize {
  readonly width: number;
  readonly height: number;
}

/** Draws charts for one page as inline SVG that scales with its box. */
export class ChartPainter {
  #drawn = 0;

  /** @param label what the chart shows, for readers who cannot see it */
  draw(option: EChartsCoreOption, { width, height }: ChartSize, label: string): Markup {
    const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
    chart.setOption({ ...option, animation: false, textStyle: { fontFamily: 'inherit' } });
    const svg = chart.renderToSVGString();
    chart.dispose();
    this.#drawn += 1;
    return new Markup(toStillImage(svg, `chart${this.#drawn}`, label));
  }
}

/**
 * Takes out what only serves pointers, makes ids unique within the page whatever was drawn before,
 * and lets the page decide the size.
 */
function toStillImage(svg: string, id: string, label: string): string {
  return svg
    .replace(/<style\s*>[\s\S]*?<\/style>/g, '')
    .replace(/ (?:class="zr\d+-cls-\d+"|pointer-events="[^"]*"|ecmeta_[a-z_]+="[^"]*")/g, '')
    .replace(/\bzr\d+-/g, `${id}-`)
    .replace(
      /^<svg width="[\d.]+" height="[\d.]+"/,
      `<svg role="img" aria-label="${escapeHtml(label)}"`,
    )
    .replace(/ xmlns:xlink="[^"]*"| version="1\.1"| baseProfile="full"/g, '')
    .replace(/\n+/g, '\n');
}
