import type { Slo } from '../../slo.ts';
import type { Comparison, JobSeries } from '../comparison.ts';
import { ratioOf } from '../comparison.ts';
import type { Markup } from './markup.ts';
import type { ChartPainter } from './svg.ts';

/** Drawn for a phone's width, so that letters stay readable there; wider pages set them in columns. */
const width = 350;

const ink = '#334155';
const faint = '#e2e8f0';
const objectiveColor = '#dc2626';
const scalerColors: Readonly<Record<string, string>> = { clipper: '#d97706', dnnscaler: '#1d4ed8' };
const otherColors = ['#0f766e', '#7c3aed', '#be185d', '#4d7c0f'];

/** A colour for each scaler, the same on every chart. */
export function colorOf(scaler: string, scalers: readonly string[]): string {
  const others = scalers.filter((name) => scalerColors[name] === undefined);
  return scalerColors[scaler] ?? (otherColors[others.indexOf(scaler) % otherColors.length] as string);
}

/** Throughput of every job under each scaler, on a logarithmic axis, with the gain at its end. */
export function throughputBars(
  painter: ChartPainter,
  { jobs }: Comparison,
  scalers: readonly string[],
  label: string,
): Markup {
  const values = jobs.flatMap(({ outcomes }) =>
    scalers.map((scaler) => outcomes[scaler]?.throughputPerS ?? Number.NaN),
  );
  const positive = values.filter((value) => value > 0);
  const axisStart = 10 ** Math.floor(Math.log10(Math.min(...positive)) - 0.01);
  const rowHeight = 12 + 9 * scalers.length;
  return painter.draw(
    {
      grid: { left: 132, right: 40, top: 26, bottom: 34 },
      legend: { top: 0, left: 0, itemHeight: 8, itemWidth: 14, textStyle: { fontSize: 11, color: ink } },
      xAxis: {
        type: 'log',
        min: axisStart,
        name: 'requests per second, logarithmic',
        nameLocation: 'middle',
        nameGap: 20,
        nameTextStyle: { color: ink, fontSize: 11 },
        axisLabel: { color: ink, fontSize: 10 },
        splitLine: { lineStyle: { color: faint } },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: jobs.map(({ job, network }) => `${job}  ${network}`),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: faint } },
        axisLabel: { color: ink, fontSize: 10.5, interval: 0 },
      },
      series: scalers.map((scaler, i) => ({
        type: 'bar',
        name: scaler,
        barWidth: 7,
        barGap: '20%',
        itemStyle: { color: colorOf(scaler, scalers) },
        data: jobs.map(({ outcomes }) => outcomes[scaler]?.throughputPerS ?? null),
        label: {
          show: i === scalers.length - 1,
          position: 'right',
          fontSize: 10,
          color: ink,
          formatter: ({ dataIndex }: { dataIndex: number }) => {
            const ratio = ratioOf(jobs[dataIndex] ?? { outcomes: {} });
            return ratio === undefined ? '' : `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`;
          },
        },
      })),
    },
    { width, height: 60 + rowHeight * jobs.length },
    label,
  );
}

export interface SloStretch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly limitMs: Slo['limitMs'];
}

/** Latency and knob over time, one above the other, with the SLO as it was in force. */
export function timeSeries(
  painter: ChartPainter,
  series: JobSeries,
  slo: readonly SloStretch[],
  label: string,
): Markup {
  const scalers = Object.keys(series);
  const seconds = (ms: number): number => Math.round(ms) / 1000;
  const axis = { color: ink, fontSize: 10 };
  const endMs = slo.at(-1)?.toMs ?? 0;
  const top = { left: 44, right: 10, top: 42, height: 96 };
  const bottom = { left: 44, right: 10, top: 168, height: 62 };
  const valueAxis = (gridIndex: number, name: string): object => ({
    type: 'value',
    gridIndex,
    min: 0,
    name,
    nameGap: 6,
    nameTextStyle: { ...axis, align: 'left', padding: [0, 0, 0, -40] },
    axisLabel: axis,
    splitNumber: 3,
    splitLine: { lineStyle: { color: faint } },
  });
  const timeAxis = (gridIndex: number, isShown: boolean): object => ({
    type: 'value',
    gridIndex,
    min: 0,
    max: seconds(endMs),
    axisLabel: { ...axis, show: isShown, formatter: '{value} s', hideOverlap: true },
    axisLine: { lineStyle: { color: '#94a3b8' } },
    splitLine: { show: false },
    splitNumber: 4,
  });
  const stepped = { type: 'line', symbol: 'none', step: 'end' } as const;
  return painter.draw(
    {
      grid: [top, bottom],
      legend: { top: 0, left: 0, itemHeight: 8, itemWidth: 16, textStyle: { fontSize: 11, color: ink } },
      xAxis: [timeAxis(0, false), timeAxis(1, true)],
      yAxis: [valueAxis(0, 'p95, ms'), valueAxis(1, 'batch size x instances')],
      series: [
        ...scalers.flatMap((scaler) => {
          const windows = series[scaler] ?? [];
          const style = { color: colorOf(scaler, scalers) };
          return [
            {
              ...stepped,
              name: scaler,
              itemStyle: style,
              lineStyle: { ...style, width: 1.4 },
              data: steps(windows.map((window) => [seconds(window.timeMs), round(window.controlledMs)])),
            },
            {
              ...stepped,
              name: scaler,
              xAxisIndex: 1,
              yAxisIndex: 1,
              itemStyle: style,
              lineStyle: { ...style, width: 1.4 },
              data: steps(
                windows.map(({ timeMs, point }) => [
                  seconds(timeMs),
                  point.batchSize * point.instances,
                ]),
              ),
            },
          ];
        }),
        {
          type: 'line',
          name: 'SLO',
          symbol: 'none',
          itemStyle: { color: objectiveColor },
          lineStyle: { color: objectiveColor, type: 'dashed', width: 1.2 },
          data: slo.flatMap(({ fromMs, toMs, limitMs }) => [
            [seconds(fromMs), limitMs],
            [seconds(toMs), limitMs],
          ]),
        },
      ],
    },
    { width, height: 256 },
    label,
  );
}

/** Each window's value holds from the end of the window before: the first one from the start. */
function steps(points: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  const first = points[0];
  if (first === undefined) return [];
  const corners = points.filter(
    ([, value], i) => value !== points[i - 1]?.[1] || value !== points[i + 1]?.[1],
  );
  return [[0, first[1]], ...corners];
}

function round(ms: number): number {
  return Number(ms.toPrecision(4));
}
