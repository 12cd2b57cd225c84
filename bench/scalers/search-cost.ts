import { renderTable } from '../../src/cli/text-table.ts';
import { median } from '../harness.ts';
import type { Outcome } from './closed-loop.ts';

/**
 * What the search cost beside what the documents of Triton's Model Analyzer say of theirs:
 * docs/config_search.md, "Quick Search Mode", of github.com/triton-inference-server/model_analyzer;
 * the window of a measurement is Perf Analyzer's, docs/measurements_metrics.md, "Time Windows".
 */
export function reportSearchCost(outcomes: readonly Outcome[]): void {
  const own = outcomes.filter(({ scaler }) => scaler === 'joint');
  const spread = (of: (outcome: Outcome) => number, unit: string, digits: number): string => {
    const values = own.map(of);
    return `${median(values).toFixed(digits)}${unit}, at most ${Math.max(...values).toFixed(digits)}${unit}`;
  };
  const good = own.filter(({ reached }) => reached > 0.95).length;
  const rows = [
    [
      'over 95% of the maximum',
      `${good} of ${own.length} cases`,
      '"in the majority of cases", of what brute force finds',
    ],
    [
      'points measured',
      spread(({ pointsSeen }) => pointsSeen, '', 0),
      'not said; a quick search first, then the best configurations at all concurrencies',
    ],
    [
      'share of the space',
      spread(({ pointsSeen, pointsInAll }) => (100 * pointsSeen) / pointsInAll, '%', 1),
      'under 10%',
    ],
    [
      'time until the last move',
      spread(({ searchMs }) => searchMs / 1000, ' s', 1),
      'not said; windows of 5 s by default, and a start of the server for each configuration',
    ],
    ['meanwhile', 'serves its requests', 'measures with requests of its own, before serving'],
  ];
  const columns = [
    { heading: 'cost of a search' },
    { heading: 'joint (median; virtual time)' },
    { heading: "Model Analyzer's quick search, by its documents" },
  ];
  process.stdout.write(`\nCost of the search\n\n${renderTable(columns, rows)}\n`);
}
