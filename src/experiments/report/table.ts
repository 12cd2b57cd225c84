import type { Markup } from './markup.ts';
import { html } from './markup.ts';

/** A cell that stands out. */
export interface Cell {
  readonly text: string;
  readonly tone?: 'good' | 'bad';
}

export interface Column<Row> {
  readonly heading: string;
  /** A heading above, shared with neighbours that name the same. */
  readonly group?: string;
  readonly isNumber?: boolean;
  cell(row: Row): string | Cell;
}

/** A table of more columns is set smaller. */
const roomyColumns = 13;

/** A table that scrolls sideways within the page; its first column stays in sight. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Markup {
  const kindOf = (column: Column<Row>): string => (column.isNumber === true ? 'n' : '');
  const cellOf = (column: Column<Row>, row: Row, index: number): Markup => {
    const value = column.cell(row);
    const { text, tone = '' } = typeof value === 'string' ? { text: value } : value;
    if (index === 0) return html`<th scope="row">${text}</th>`;
    return html`<td class="${`${kindOf(column)} ${tone}`.trim()}">${text}</td>`;
  };
  const headings = columns.map(
    (column) => html`<th scope="col" class="${kindOf(column)}">${column.heading}</th>`,
  );
  return html`<p class="soft hint">This table scrolls sideways.</p>
    <div class="scroll" tabindex="0">
      <table class="${columns.length > roomyColumns ? 'dense' : ''}">
        <thead>
          ${groupRow(columns)}
          <tr>
            ${headings}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr>
                ${columns.map((column, i) => cellOf(column, row, i))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function groupRow<Row>(columns: readonly Column<Row>[]): Markup {
  if (columns.every(({ group }) => group === undefined)) return html``;
  const groups: { name: string; span: number }[] = [];
  for (const { group: name = '' } of columns) {
    const last = groups.at(-1);
    if (last?.name === name) last.span += 1;
    else groups.push({ name, span: 1 });
  }
  return html`<tr class="groups">
    ${groups.map(
      ({ name, span }) =>
        html`<th colspan="${span}" class="${name === '' ? '' : 'group'}">${name}</th>`,
    )}
  </tr>`;
}
