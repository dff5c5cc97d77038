import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type RecordType, RecordTypes } from './record-types.ts';

class TestTypes extends RecordTypes<RecordType> {}

const known = { name: 'note-added', data: z.object({ noteId: z.string(), count: z.int().optional() }) };

function typesWith(...types: RecordType[]): TestTypes {
  const registry = new TestTypes();
  registry.add(types);
  return registry;
}

describe('a type of records', () => {
  it.each(['Note', 'note_added', 'note--added', '-note', 'unknown', 'n'.repeat(65), ''])(
    'is rejected at start with the name %j',
    (name) => {
      expect(() => typesWith({ ...known, name })).toThrow('needs a name in kebab-case');
    },
  );

  it.each([
    ['a Date', z.date()],
    ['a bigint', z.bigint()],
    ['a Map', z.map(z.string(), z.string())],
    ['a transformed value', z.string().transform(Number)],
  ])('is rejected at start when its data contains %s', (_name, value) => {
    expect(() => typesWith({ name: 'note-added', data: z.object({ value }) })).toThrow(
      'The data of note-added must consist of JSON values',
    );
  });

  it('is rejected at start when another feature has registered the name', () => {
    expect(() => typesWith(known, known)).toThrow('note-added is registered twice');
  });
});

describe('a record', () => {
  const types = typesWith(known);

  it('is stored with the data of its type, without other properties', () => {
    expect(types.toStored(known, { noteId: '1', secret: 'x' } as never)).toEqual({ noteId: '1' });
  });

  it('is rejected when its type is not registered', () => {
    expect(() => types.toStored({ ...known, name: 'other' }, { noteId: '1' })).toThrow(
      'The type other is not registered',
    );
  });

  it('is rejected when its data does not fit or is too large', () => {
    // @ts-expect-error -- noteId is a string
    expect(() => types.toStored(known, { noteId: 1 })).toThrow(z.ZodError);
    // @ts-expect-error -- noteId is required
    expect(() => types.toStored(known, {})).toThrow(z.ZodError);
    expect(() => types.toStored(known, { noteId: 'x'.repeat(20_000) })).toThrow('more than 20000 bytes');
  });

  it('is read with its type', () => {
    expect(types.read('note-added', { noteId: '1', old: true })).toEqual({
      type: known,
      shown: { type: 'note-added', data: { noteId: '1' } },
    });
  });

  it.each([
    ['of another release', 'note-moved', { noteId: '1' }],
    ['whose data no longer fits', 'note-added', { note: 1 }],
  ])('%s is read as an unknown type with its stored data', (_name, type, data) => {
    expect(types.read(type, data)).toEqual({
      type: undefined,
      shown: { type: 'unknown', data: { type, data } },
    });
  });
});
