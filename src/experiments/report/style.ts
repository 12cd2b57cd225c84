/** One column on a phone, more where there is room, landscape pages in print. */
export const css = `
:root { color-scheme: light; --ink: #0f172a; --soft: #475569; --line: #e2e8f0; --wash: #f8fafc;
  --good: #15803d; --bad: #b91c1c; --accent: #1d4ed8; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 16px/1.5 system-ui, -apple-system,
  "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 1260px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 8px; letter-spacing: -0.01em; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 40px 0 8px; }
h3 { font-size: 0.95rem; margin: 0 0 4px; }
p, ul, dl { max-width: 48rem; }
p { margin: 8px 0; }
.soft, figcaption { color: var(--soft); font-size: 0.875rem; }
code { font-size: 0.9em; background: var(--wash); padding: 0 4px; border-radius: 3px; }
.cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(155px, 1fr));
  margin: 20px 0; padding: 0; max-width: none; }
.cards > div { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.cards dt { color: var(--soft); font-size: 0.8rem; }
.cards dd { margin: 0; font-size: 1.5rem; font-weight: 650; line-height: 1.25; }
.cards dd + dd { font-size: 0.8rem; font-weight: 400; color: var(--soft); }
.charts { display: grid; gap: 24px 28px; margin: 16px 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); }
.charts.wide { grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figure svg { display: block; width: 100%; height: auto; max-width: 560px; font-family: inherit; }
.scroll { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; font-size: 0.8125rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; }
th, td { padding: 5px 8px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
.dense { font-size: 0.75rem; } .dense th, .dense td { padding-left: 4px; padding-right: 5px; }
thead th { vertical-align: bottom; color: var(--soft); font-weight: 600; border-bottom-color: #94a3b8;
  white-space: normal; }
thead tr.groups th { border-bottom: 0; padding-bottom: 0; }
thead th.group { text-align: center; color: var(--ink); }
thead th.group + th.group { border-left: 1px solid var(--line); }
td.n, th.n { text-align: right; }
table thead th:first-child, table tbody th { padding-left: 0; }
tbody th { font-weight: 600; position: sticky; left: 0; background: #fff; }
td.good { color: var(--good); } td.bad { color: var(--bad); font-weight: 600; }
.sources { padding-left: 1.1rem; } .sources li { margin: 6px 0; font-size: 0.9rem; }
@media (max-width: 600px) {
  main { padding-top: 16px; } h1 { font-size: 1.35rem; } h2 { margin-top: 32px; }
  th, td { padding: 5px 7px; }
  .hint { display: block; }
}
@media (min-width: 601px) { .hint { display: none; } }
@media print {
  @page { size: A4 landscape; margin: 10mm; }
  @page upright { size: A4 portrait; margin: 10mm; }
  :root { font-size: 11px; }
  body { font-size: 1rem; } main { max-width: none; padding: 0; }
  .upright { page: upright; }
  h2 { break-after: avoid; margin-top: 1.4rem; } p, li { break-inside: avoid; }
  .scroll { overflow: visible; margin: 0.6rem 0; }
  table, .dense { font-size: 7pt; width: 100%; } th, td, .dense th, .dense td { padding: 1.4pt 3pt; }
  thead { display: table-header-group; } tr { break-inside: avoid; }
  tbody th { position: static; }
  .cards { grid-template-columns: repeat(5, 1fr); margin: 0.8rem 0; } .cards > div { padding: 6px 8px; }
  .charts { grid-template-columns: repeat(3, 1fr); gap: 1.2rem; }
  .charts.wide { grid-template-columns: repeat(2, 1fr); margin: 0.6rem 0; }
  .charts.wide figure svg { max-height: 196mm; margin: 0 auto; }
  .hint { display: none; }
}
`;
