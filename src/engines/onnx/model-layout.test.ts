import { describe, expect, it } from 'vitest';
import { carryWhole, layoutInputs } from './model-layout.ts';
import type { InputLayout } from './model-layout.ts';
import type { ValueMetadata } from './protocol.ts';

type Shape = readonly (number | string)[];

function layout(
  inputs: Readonly<Record<string, Shape>>,
  shapes: Readonly<Record<string, readonly number[]>> = {},
  foreignShapes: 'refused' | 'ignored' = 'refused',
): InputLayout {
  const values = Object.entries(inputs).map(([name, shape]): ValueMetadata => ({
    name,
    type: 'float32',
    shape,
  }));
  return layoutInputs({ inputs: values, outputs: [] }, shapes, foreignShapes);
}

/** Each input's dimensions in a row, with a star in front of those that come in batches. */
const rows = ({ inputs }: InputLayout): string[] =>
  inputs.map(({ dims, batched }) => `${batched ? '*' : ''}[${dims.join(',')}]`);

describe('the batch dimension', () => {
  it('is the open first dimension of every input', () => {
    const found = layout({ ids: ['batch', 128], mask: ['batch', 128] });
    expect(found).toMatchObject({ rowsPerRun: 'any', notes: [] });
    expect(rows(found)).toEqual(['*[128]', '*[128]']);
    expect(layout({ a: ['n0', 2], b: ['', 3] }).rowsPerRun).toBe('any');
  });

  it('may be fixed, at 1 or at more', () => {
    const one = layout({ x: [1, 3, 8, 8], y: [1] });
    expect(one).toMatchObject({ rowsPerRun: 1 });
    expect(one.notes.join()).toContain('fixed at 1');
    expect(rows(one)).toEqual(['*[3,8,8]', '*[]']);
    const four = layout({ x: [4, 3], y: [4, 2] });
    expect(four).toMatchObject({ rowsPerRun: 4 });
    expect(rows(four)).toEqual(['*[3]', '*[2]']);
  });

  it('is not the only dimension of a fixed vector', () => {
    const vector = layout({ audio: [16000] });
    expect(vector).toMatchObject({ rowsPerRun: 1 });
    expect(rows(vector)).toEqual(['[16000]']);
  });

  it.each([
    ['a scalar', { x: ['N', 3], sr: [] }, 'input sr has no batch', ['*[3]', '[]']],
    ['another size', { x: ['N', 3], t: [5, 2] }, 'input t has no batch', ['*[3]', '[5,2]']],
    ['sizes that differ', { x: [4, 3], t: [5, 2] }, 'inputs x, t have', ['[4,3]', '[5,2]']],
    ['a fixed 1 among open ones', { x: ['N', 3], t: [1, 2] }, 'fixed at 1', ['*[3]', '*[2]']],
  ])('leaves one row to a run beside %s', (_, inputs: Record<string, Shape>, note, expected) => {
    const found = layout(inputs);
    expect(found.rowsPerRun).toBe(1);
    expect(found.notes.join()).toContain(note);
    expect(rows(found)).toEqual(expected);
  });

  it('is told from a sequence that another input has inside', () => {
    const found = layout({ x: ['batch', 'seq'], y: ['seq'] }, { x: [1, 7] });
    expect(found.rowsPerRun).toBe(1);
    expect(rows(found)).toEqual(['*[7]', '[7]']);
  });

  it('has the size of the run where it stands further inside', () => {
    expect(rows(layout({ x: ['batch', 4], state: [2, 'batch', 3] }))).toEqual(['*[4]', '[2,1,3]']);
  });

  it('can be taken back', () => {
    const whole = carryWhole(layout({ x: [4, 3] }), 'rows mix');
    expect(whole.rowsPerRun).toBe(1);
    expect(rows(whole)).toEqual(['[4,3]']);
    expect(whole.notes.join()).toContain('rows mix');
  });
});

describe('other open dimensions', () => {
  it('are taken from the given shape, whatever stands at its batch position', () => {
    const inputs = { x: ['N', 3, 'h', 'w'] };
    expect(rows(layout(inputs, { x: [77, 3, 32, 64] }))).toEqual(['*[3,32,64]']);
  });

  it('are shared between inputs by name', () => {
    const inputs = { ids: ['N', 'seq'], mask: ['N', 'seq'] };
    expect(rows(layout(inputs, { mask: [1, 9] }))).toEqual(['*[9]', '*[9]']);
  });

  it('are asked for by name, with an example', () => {
    expect(() => layout({ x: ['N', 3, 'h', 'w'], t: ['N', 'seq'] })).toThrow(
      'input x has the shape [N, 3, h, w], whose dimensions h, w are open; input t has the shape ' +
        '[N, seq], whose dimension seq is open: give the shape, for example ' +
        '--shape x=1,3,224,224 --shape t=1,128',
    );
    expect(() => layout({ x: ['', ''] })).toThrow('[?, ?], whose dimension number 2 is open');
  });

  it.each([
    [{ x: [1, 4, 8] }, "must agree with the model's [N, 3, h]"],
    [{ x: [1, 3] }, "must agree with the model's [N, 3, h]"],
    [{ x: [1, 3, 0] }, 'must hold integers of at least 1'],
    [{ x: [1, 3, 2.5] }, 'must hold integers of at least 1'],
    [{ z: [1] }, 'must name an input of the model (x); received "z"'],
  ])('refuse the shape %j', (shapes: Record<string, readonly number[]>, message) => {
    expect(() => layout({ x: ['N', 3, 'h'] }, shapes)).toThrow(message);
  });

  it('for other models may be told to be ignored, with a note', () => {
    const found = layout({ x: ['N', 3, 'h'] }, { x: [1, 3, 8], z: [1] }, 'ignored');
    expect(rows(found)).toEqual(['*[3,8]']);
    expect(found.notes).toEqual(['the shape of z is for no input of this model']);
  });

  it('refuse two sizes for one name', () => {
    const shapes = { a: [1, 5], b: [1, 6] };
    expect(() => layout({ a: ['N', 'seq'], b: ['N', 'seq'] }, shapes)).toThrow(
      'must give dimension seq the size 5',
    );
  });

  it('may be all of an input without a declared shape', () => {
    expect(rows(layout({ x: [] }, { x: [1, 3, 4] }))).toEqual(['*[3,4]']);
  });
});

describe('inputs that cannot be made', () => {
  it.each([
    [undefined, 'input x of the model is not a tensor'],
    ['int4', 'element type int4'],
  ])('are refused (%s)', (type, message) => {
    const inputs = [{ name: 'x', type, shape: ['N'] }];
    expect(() => layoutInputs({ inputs, outputs: [] }, {})).toThrow(message);
  });
});
