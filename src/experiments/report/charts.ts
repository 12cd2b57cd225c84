import type { Slo } from '../../slo.ts';
import type { Comparison, JobSeries } from '../comparison.ts';
import { ratioOf } from '../comparison.ts';
import type { Markup } from './markup.ts';
import { scalerLabel } from './names.ts';
import type { ChartPainter } from './svg.ts';

/** Drawn for a phone's width, so that letters stay readable there; wider pages set them in columns. */
const width = 350;

const ink = '#334155';
const faint = '#e2e8f0';
const objectiveColor = '#dc2626';
const scalerColors: Readonly<Record<string, string>> = { clipper: '#d97706', dnnscaler: '#1d4ed8' };
const otherColors = ['#0f766e', '#7c3aed', '#be185d', '#4d7c0f'];

/** A colour for each scaler, the same on every chart. */
function colorOf(scaler: string, scalers: readonly string[]): string {
  const others = scalers.filter((name) => scalerColors[name] === undefined);
  return (
    scalerColors[scaler] ?? (otherColors[others.indexOf(scaler) % otherColors.length] as string)
  );
}

function legend(scalers: readonly string[], more: readonly string[] = []): object {
  return {
    data: [...scalers.map(scalerLabel), ...more],
    top: 0,
    left: 0,
    icon: 'roundRect',
    itemHeight: 4,
    itemWidth: 16,
    itemGap: 14,
    textStyle: { fontSize: 11, color: ink },
  };
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
      grid: { left: 128, right: 36, top: 26, bottom: 38 },
      legend: legend(scalers),
      xAxis: {
        type: 'log',
        min: axisStart,
        startValue: axisStart,
        name: 'requests per second (logarithmic)',
        nameLocation: 'middle',
        nameGap: 22,
        nameTextStyle: { color: ink, fontSize: 11 },
        axisLabel: { color: ink, fontSize: 10 },
        splitLine: { lineStyle: { color: faint } },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: jobs.map(({ job, network }) => `${network}  ${job}`),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: faint } },
        axisLabel: { color: ink, fontSize: 10.5, interval: 0 },
      },
      series: scalers.map((scaler, i) => ({
        type: 'bar',
        name: scalerLabel(scaler),
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
    { width, height: 64 + rowHeight * jobs.length },
    label,
  );
}

/** The SLO over a stretch of a run. */
export interface SloStretch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly limitMs: Slo['limitMs'];
}

/**
 * Latency and knob over time, one above the other, with the SLO as it was in force. Probes may lie
 * beyond the axes, which are made for what came after them.
 */
export function timeSeries(
  painter: ChartPainter,
  series: JobSeries,
  slo: readonly SloStretch[],
  label: string,
): Markup {
  const scalers = Object.keys(series);
  const lines = scalers.map((scaler) => {
    const windows = series[scaler] ?? [];
    const chosen = windows.filter(({ decision }) => decision !== 'probe');
    const knobOf = ({ point }: (typeof windows)[0]): number => point.batchSize * point.instances;
    return {
      scaler,
      color: colorOf(scaler, scalers),
      latencies: steps(windows.map((window) => [window.timeMs, window.controlledMs])),
      knobs: steps(windows.map((window) => [window.timeMs, knobOf(window)])),
      topMs: Math.max(0, ...chosen.map((window) => window.controlledMs)),
      topKnob: Math.max(0, ...chosen.map(knobOf)),
    };
  });
  const topMs = Math.max(...lines.map((line) => line.topMs), ...slo.map(({ limitMs }) => limitMs));
  const topKnob = Math.max(1, ...lines.map((line) => line.topKnob));
  const endS = seconds(slo.at(-1)?.toMs ?? 0);
  const line = (name: string, color: string, grid: number, data: readonly Corner[]): object => ({
    type: 'line',
    symbol: 'none',
    step: 'end',
    name,
    xAxisIndex: grid,
    yAxisIndex: grid,
    itemStyle: { color },
    lineStyle: { color, width: 1.4 },
    data: data.map(([ms, value]) => [seconds(ms), Number(value.toPrecision(4))]),
  });
  return painter.draw(
    {
      grid: [
        { left: 40, right: 8, top: 42, height: 96 },
        { left: 40, right: 8, top: 168, height: 62 },
      ],
      legend: legend(scalers, ['SLO']),
      xAxis: [timeAxis(0, endS, false), timeAxis(1, endS, true)],
      yAxis: [
        valueAxis(0, 'p95, ms', niceTop(topMs * 1.05)),
        valueAxis(1, 'batch size x instances', niceTop(topKnob * 1.05)),
      ],
      series: [
        ...lines.map(({ scaler, color, latencies }) =>
          line(scalerLabel(scaler), color, 0, latencies),
        ),
        ...lines.map(({ scaler, color, knobs }) => line(scalerLabel(scaler), color, 1, knobs)),
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

const axisLabel = { color: ink, fontSize: 10 };

function valueAxis(gridIndex: number, name: string, max: number): object {
  return {
    type: 'value',
    gridIndex,
    min: 0,
    max,
    interval: max / 4,
    name,
    nameGap: 6,
    nameTextStyle: { ...axisLabel, align: 'left', padding: [0, 0, 0, -36] },
    axisLabel,
    splitLine: { lineStyle: { color: faint } },
  };
}

function timeAxis(gridIndex: number, endS: number, isLabelled: boolean): object {
  return {
    type: 'value',
    gridIndex,
    min: 0,
    max: endS,
    splitNumber: 4,
    axisLabel: { ...axisLabel, show: isLabelled, formatter: '{value} s', showMaxLabel: false },
    axisLine: { lineStyle: { color: '#94a3b8' } },
    splitLine: { show: false },
  };
}

type Corner = readonly [ms: number, value: number];

/** Each window's value holds from the end of the window before; only the corners are kept. */
function steps(points: readonly Corner[]): readonly Corner[] {
  const first = points[0];
  if (first === undefined) return [];
  const corners = points.filter(
    ([, value], i) => value !== points[i - 1]?.[1] || value !== points[i + 1]?.[1],
  );
  return [[0, first[1]], ...corners];
}

/** The smallest of 4, 8, 12, 16, 20, 24, 40, 60, 80 x 10^k that covers a value: four even steps. */
function niceTop(value: number): number {
  const scale = 10 ** Math.floor(Math.log10(value / 4));
  const top = [4, 8, 12, 16, 20, 24, 32, 40].find((step) => step * scale >= value) ?? 40;
  return top * scale;
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
