import type { Reproduction } from '../reproduce.ts';
import type { Markup } from './markup.ts';
import { html } from './markup.ts';
import { datasetName, scalerLabel } from './names.ts';
import { surfaceChart } from './surface-chart.ts';
import type { ChartPainter } from './svg.ts';

/** Where the scalers went on the surfaces of some jobs, and where the best point lies. */
export function surfaces(reproduction: Reproduction, painter: ChartPainter): Markup {
  if (reproduction.surfaces.length === 0) return html``;
  const figures = reproduction.surfaces.map(({ job, network, dataset, figure }) => {
    const title = `Job ${job}: ${network} on ${datasetName(dataset)}`;
    const named = {
      ...figure,
      paths: figure.paths.map((path) => ({ ...path, scaler: scalerLabel(path.scaler) })),
    };
    return html`<figure>
      <h3>${title}</h3>
      ${surfaceChart(painter, named, `${title}: throughput by batch size and instances`)}
    </figure>`;
  });
  return html`<h2>Where the scalers went</h2>
    <p>
      Throughput at every operating point of some jobs, the points that each scaler went to, and the
      oracle's point: the best of those that hold the SLO. Numbers count the steps of the first
      scaler. The paper's scalers turn one knob and move along an edge; joint, which is ours and is
      drawn beside them, turns both.
    </p>
    <div class="charts">${figures}</div>`;
}
