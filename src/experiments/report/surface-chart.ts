import type { OperatingPoint } from '../../operating-point.ts';
import { formatPoint } from '../../operating-point.ts';
import type { Markup } from './markup.ts';
import type { ChartPainter, ChartSize } from './svg.ts';

/** What is known of one operating point. */
export interface SurfaceCell extends OperatingPoint {
  /** Rows answered per second with every instance busy on full batches. */
  readonly throughputPerS: number;
  readonly holdsSlo: boolean;
}

/** The points that one scaler went to, in order. */
export interface ScalerPath {
  readonly scaler: string;
  readonly points: readonly OperatingPoint[];
}

export interface SurfaceFigure {
  /** Every point that is known: of a whole surface, or what was measured. */
  readonly cells: readonly SurfaceCell[];
  readonly paths: readonly ScalerPath[];
  /** The best point that holds the SLO; null when none is known to. */
  readonly best: OperatingPoint | null;
  /** Name of `best`: the oracle's point, or the best that was measured. */
  readonly bestName: string;
}

const ink = '#334155';
const faint = '#e2e8f0';
const pathColors = ['#0f172a', '#c2410c', '#7c3aed', '#be185d', '#4d7c0f'];
/** Throughput from little to much; grey where the SLO breaks. */
const ramp = ['#dbeafe', '#93c5fd', '#3b82f6', '#1e40af'];
const brokenRamp = ['#f1f5f9', '#cbd5e1'];

/**
 * Throughput over batch size and instances, blue where the SLO holds and grey where it does not,
 * with the paths that scalers took and the best point. Batch sizes lie on a logarithmic axis.
 */
export function surfaceChart(
  painter: ChartPainter,
  figure: SurfaceFigure,
  label: string,
  { width, height }: ChartSize = { width: 560, height: 360 },
): Markup {
  const { cells, paths, best, bestName } = figure;
  const maxBatch = Math.max(2, ...batchSizesOf(figure));
  const maxInstances = Math.max(1, ...instancesOf(figure));
  const most = Math.max(...cells.map((cell) => cell.throughputPerS));
  const legend = [
    ...paths.map(({ scaler }) => scaler),
    ...(best === null ? [] : [bestName]),
    'SLO holds (darker: more)',
    'SLO breaks',
  ];
  const area = { left: 44, right: 18, top: 58, bottom: 40 };
  return painter.draw(
    {
      grid: area,
      legend: {
        data: legend,
        top: 0,
        left: 0,
        itemHeight: 8,
        itemWidth: 16,
        itemGap: 26,
        textStyle: { fontSize: 11, color: ink },
      },
      xAxis: {
        ...axis('batch size (logarithmic)', 24),
        type: 'log',
        logBase: 2,
        min: 0.8,
        max: maxBatch * 1.25,
        axisLabel: { color: ink, fontSize: 10, formatter: powerOfTwo },
        splitLine: { show: false },
      },
      yAxis: {
        ...axis('instances', 28),
        type: 'value',
        min: 0,
        max: maxInstances + 1,
        interval: 1,
        axisLabel: {
          color: ink,
          fontSize: 10,
          formatter: (value: number) => (value >= 1 && value <= maxInstances ? String(value) : ''),
        },
        splitLine: { show: false },
        axisTick: { show: false },
      },
      series: [
        ...cellSeries(cells, most, width - area.left - area.right, height - area.top - area.bottom),
        ...paths.map(({ scaler, points }, i) => ({
          type: 'line',
          name: scaler,
          data: withoutRepeats(points).map(at),
          symbol: 'circle',
          symbolSize: 6,
          color: pathColors[i % pathColors.length],
          lineStyle: { width: 1.6, type: i === 0 ? 'solid' : 'dashed' },
          label: {
            show: i === 0,
            formatter: ({ dataIndex }: { readonly dataIndex: number }) => String(dataIndex + 1),
            position: 'top',
            distance: 3,
            fontSize: 10,
            color: pathColors[0],
            textBorderColor: '#fff',
            textBorderWidth: 2,
          },
          z: 4,
        })),
        ...(best === null
          ? []
          : [
              {
                type: 'scatter',
                name: bestName,
                data: [at(best)],
                symbol: 'diamond',
                symbolSize: 17,
                itemStyle: {
                  color: 'rgba(250, 204, 21, 0.9)',
                  borderColor: '#713f12',
                  borderWidth: 1.5,
                },
                z: 3,
              },
            ]),
      ],
    },
    { width, height },
    `${label}; ${paths.map(pathInWords).join('; ')}${best === null ? '' : `; ${bestName}: ${formatPoint(best)}`}`,
  );
}

function axis(name: string, nameGap: number): object {
  return {
    name,
    nameLocation: 'middle',
    nameGap,
    nameTextStyle: { color: ink, fontSize: 11 },
    axisLine: { lineStyle: { color: faint } },
  };
}

/** One rectangle for each cell, from halfway to its neighbours; two series for the legend's sake. */
function cellSeries(
  cells: readonly SurfaceCell[],
  most: number,
  widthPx: number,
  heightPx: number,
): readonly object[] {
  const byRow = new Map<number, SurfaceCell[]>();
  for (const cell of cells) {
    byRow.set(cell.instances, [...(byRow.get(cell.instances) ?? []), cell]);
  }
  const rowPx = heightPx / (Math.max(1, ...byRow.keys()) + 1);
  const maxBatch = Math.max(2, ...cells.map(({ batchSize }) => batchSize));
  const octavePx = widthPx / Math.log2((maxBatch * 1.25) / 0.8);
  const symbols = { true: [] as object[], false: [] as object[] };
  for (const row of byRow.values()) {
    row.sort((a, b) => a.batchSize - b.batchSize);
    row.forEach((cell, i) => {
      const from = edge(row[i - 1]?.batchSize, cell.batchSize);
      const to = edge(row[i + 1]?.batchSize, cell.batchSize);
      const colors = cell.holdsSlo ? ramp : brokenRamp;
      symbols[`${cell.holdsSlo}`].push({
        // The middle of the rectangle on the logarithmic axis.
        value: [Math.sqrt(from * to), cell.instances],
        symbolSize: [octavePx * Math.log2(to / from) + 0.6, Math.max(2, rowPx - 2)],
        itemStyle: { color: blend(colors, cell.throughputPerS / most) },
      });
    });
  }
  const series = (name: string, data: readonly object[], color: string): object => ({
    type: 'scatter',
    name,
    symbol: 'rect',
    data,
    color,
    z: 1,
  });
  return [
    series('SLO breaks', symbols.false, '#cbd5e1'),
    series('SLO holds (darker: more)', symbols.true, '#3b82f6'),
  ];
}

/** Halfway, on a logarithmic axis, but never further than half an octave. */
function edge(neighbour: number | undefined, batchSize: number): number {
  const reach = Math.SQRT2;
  if (neighbour === undefined) return batchSize;
  const halfway = Math.sqrt(neighbour * batchSize);
  return Math.min(batchSize * reach, Math.max(batchSize / reach, halfway));
}

function blend(colors: readonly string[], share: number): string {
  const position = Math.min(1, Math.max(0, share)) * (colors.length - 1);
  const index = Math.min(colors.length - 2, Math.floor(position));
  const channels = [1, 3, 5].map((offset) => {
    const from = channel(colors[index] as string, offset);
    const to = channel(colors[index + 1] as string, offset);
    return Math.round(from + (position - index) * (to - from));
  });
  return `rgb(${channels.join(',')})`;
}

function channel(color: string, offset: number): number {
  return Number.parseInt(color.slice(offset, offset + 2), 16);
}

function at({ batchSize, instances }: OperatingPoint): [number, number] {
  return [batchSize, instances];
}

function withoutRepeats(points: readonly OperatingPoint[]): readonly OperatingPoint[] {
  return points.filter((point, i) => {
    const before = points[i - 1];
    return point.batchSize !== before?.batchSize || point.instances !== before.instances;
  });
}

function pathInWords({ scaler, points }: ScalerPath): string {
  const last = points.at(-1);
  const end = last === undefined ? 'went nowhere' : `ended at ${formatPoint(last)}`;
  return `${scaler} visited ${withoutRepeats(points).length} points and ${end}`;
}

function powerOfTwo(value: number): string {
  return Number.isInteger(Math.log2(value)) && value >= 1 ? String(value) : '';
}

function batchSizesOf({ cells, paths, best }: SurfaceFigure): readonly number[] {
  return everyPoint(cells, paths, best).map(({ batchSize }) => batchSize);
}

function instancesOf({ cells, paths, best }: SurfaceFigure): readonly number[] {
  return everyPoint(cells, paths, best).map(({ instances }) => instances);
}

function everyPoint(
  cells: readonly OperatingPoint[],
  paths: readonly ScalerPath[],
  best: OperatingPoint | null,
): readonly OperatingPoint[] {
  return [...cells, ...paths.flatMap(({ points }) => points), ...(best === null ? [] : [best])];
}
