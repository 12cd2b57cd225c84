import type { Markup } from '../report/markup.ts';
import type { ChartPainter } from '../report/svg.ts';
import type { LoadResult, LoadWindow } from './load-result.ts';

const size = { width: 420, height: 250 };

const ink = '#334155';
const faint = '#e2e8f0';
const colors = {
  slo: '#dc2626',
  p50: '#0f766e',
  p95: '#1d4ed8',
  p99: '#7c3aed',
  sent: '#94a3b8',
  answered: '#1d4ed8',
  withinSlo: '#0f766e',
  lost: '#dc2626',
  outstanding: '#b45309',
};

const axisLabel = { color: ink, fontSize: 10 };

/** Percentiles of latency in each window, and the SLO. */
export function latencyOverTime(painter: ChartPainter, { windows, slo }: LoadResult): Markup {
  const endS = endOf(windows);
  const of = (pick: (window: LoadWindow) => number) => seriesOf(windows, pick);
  const latencies = windows.flatMap(({ p50Ms, p99Ms }) => [p50Ms, p99Ms]);
  return painter.draw(
    {
      ...frame(['p50', 'p95', 'p99', 'SLO'], latencyScale([...latencies, slo.limitMs])),
      xAxis: timeAxis(endS),
      series: [
        line(
          'p50',
          colors.p50,
          of((window) => window.p50Ms),
        ),
        line(
          'p95',
          colors.p95,
          of((window) => window.p95Ms),
        ),
        line(
          'p99',
          colors.p99,
          of((window) => window.p99Ms),
        ),
        objective([
          [0, slo.limitMs],
          [endS, slo.limitMs],
        ]),
      ],
    },
    size,
    'Latency over time: p50, p95 and p99 of the requests answered in each window, and the SLO',
  );
}

/** Requests per second in each window: due, answered, within the SLO, lost. */
export function ratesOverTime(painter: ChartPainter, { windows }: LoadResult): Markup {
  const perS = (pick: (window: LoadWindow) => number) =>
    seriesOf(windows, (window) => (pick(window) / window.durationMs) * 1000);
  return painter.draw(
    {
      ...frame(['sent', 'answered', 'within SLO', 'shed or failed'], {
        type: 'value',
        min: 0,
        name: 'requests per second',
      }),
      xAxis: timeAxis(endOf(windows)),
      series: [
        line(
          'sent',
          colors.sent,
          perS((window) => window.sent),
        ),
        line(
          'answered',
          colors.answered,
          perS((window) => window.answered),
        ),
        line(
          'within SLO',
          colors.withinSlo,
          perS((window) => window.withinSlo),
        ),
        line(
          'shed or failed',
          colors.lost,
          perS((window) => window.shed + window.errors),
        ),
      ],
    },
    size,
    'Requests per second over time: sent, answered, answered within the SLO, shed or failed',
  );
}

/** Requests under way at the end of each window. */
export function outstandingOverTime(painter: ChartPainter, { windows }: LoadResult): Markup {
  return painter.draw(
    {
      ...frame(['under way'], { type: 'value', min: 0, name: 'requests' }),
      xAxis: timeAxis(endOf(windows)),
      series: [
        line(
          'under way',
          colors.outstanding,
          seriesOf(windows, (window) => window.outstanding),
        ),
      ],
    },
    size,
    'Requests under way over time',
  );
}

/**
 * Latency by percentile, on an axis that gives each further nine the same room, as HdrHistogram's
 * plots do.
 */
export function percentileCurve(painter: ChartPainter, { percentiles, slo }: LoadResult): Markup {
  const furthest = percentiles.at(-2)?.share ?? 0;
  const endNines = Math.max(1, ninesOf(furthest));
  const points = percentiles.map(({ share, latencyMs }): Point => [
    Number(Math.min(ninesOf(share), endNines).toFixed(4)),
    rounded(latencyMs),
  ]);
  const scale = latencyScale([...percentiles.map((point) => point.latencyMs), slo.limitMs]);
  return painter.draw(
    {
      ...frame(['latency', 'SLO'], scale),
      xAxis: {
        type: 'value',
        min: 0,
        max: endNines,
        interval: 1,
        axisLabel: {
          ...axisLabel,
          formatter: percentOfNines,
          showMaxLabel: Number.isInteger(endNines),
        },
        axisLine: { lineStyle: { color: '#94a3b8' } },
        splitLine: { lineStyle: { color: faint } },
      },
      series: [
        line('latency', colors.p95, points),
        objective([
          [0, slo.limitMs],
          [ninesOf(slo.percentile), slo.limitMs],
          [ninesOf(slo.percentile), scale.min],
        ]),
      ],
    },
    size,
    'Latency by percentile, and the SLO',
  );
}

type Point = readonly [x: number, y: number | null];

interface ValueScale {
  readonly type: 'value' | 'log';
  readonly min: number;
  readonly name: string;
}

/** Beyond this ratio of the largest to the smallest latency, a linear axis shows only the largest. */
const widestLinearRatio = 100;

function latencyScale(latenciesMs: readonly number[]): ValueScale {
  const positive = latenciesMs.filter((latencyMs) => latencyMs > 0);
  const smallest = Math.min(...positive);
  if (Math.max(...positive) <= widestLinearRatio * smallest) {
    return { type: 'value', min: 0, name: 'ms' };
  }
  return { type: 'log', min: 10 ** Math.floor(Math.log10(smallest)), name: 'ms (logarithmic)' };
}

function frame(names: readonly string[], scale: ValueScale): object {
  return {
    grid: { left: 46, right: 14, top: 46, bottom: 24 },
    legend: {
      data: [...names],
      top: 0,
      left: 0,
      icon: 'roundRect',
      itemHeight: 4,
      itemWidth: 16,
      itemGap: 14,
      textStyle: { fontSize: 11, color: ink },
    },
    yAxis: {
      ...scale,
      nameGap: 6,
      nameTextStyle: { ...axisLabel, align: 'left', padding: [0, 0, 0, -42] },
      axisLabel,
      splitLine: { lineStyle: { color: faint } },
    },
  };
}

function timeAxis(endS: number): object {
  return {
    type: 'value',
    min: 0,
    max: endS,
    splitNumber: 5,
    axisLabel: { ...axisLabel, formatter: '{value} s', showMaxLabel: false },
    axisLine: { lineStyle: { color: '#94a3b8' } },
    splitLine: { show: false },
  };
}

function line(name: string, color: string, data: readonly Point[]): object {
  // A value between two gaps makes no line: only a dot shows it.
  const isSparse = data.some(([, value], i) => value !== null && isAlone(data, i));
  return {
    type: 'line',
    name,
    showSymbol: isSparse,
    symbol: isSparse ? 'circle' : 'none',
    symbolSize: 3,
    connectNulls: false,
    itemStyle: { color },
    lineStyle: { color, width: 1.4 },
    data,
  };
}

function objective(data: readonly Point[]): object {
  const color = colors.slo;
  return {
    type: 'line',
    name: 'SLO',
    symbol: 'none',
    itemStyle: { color },
    lineStyle: { color, type: 'dashed', width: 1.2 },
    data,
  };
}

function isAlone(data: readonly Point[], i: number): boolean {
  return (data[i - 1]?.[1] ?? null) === null && (data[i + 1]?.[1] ?? null) === null;
}

function seriesOf(
  windows: readonly LoadWindow[],
  pick: (window: LoadWindow) => number,
): readonly Point[] {
  return windows.map((window): Point => {
    const value = pick(window);
    return [Math.round(window.timeMs) / 1000, Number.isFinite(value) ? rounded(value) : null];
  });
}

function endOf(windows: readonly LoadWindow[]): number {
  return Math.round(windows.at(-1)?.timeMs ?? 0) / 1000;
}

/** 0.9 is one nine, 0.99 two. */
function ninesOf(share: number): number {
  return -Math.log10(Math.max(1 - share, 1e-9));
}

function percentOfNines(nines: number): string {
  return `${Number((100 * (1 - 10 ** -nines)).toFixed(7))}%`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
