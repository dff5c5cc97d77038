import { describe, expect, it } from '@jest/globals';
import { parseFields } from '../../scripts/new/fields.ts';
import { namesOf } from '../../scripts/new/names.ts';

describe('the name of a feature', () => {
  it.each([
    ['categories', 'category'],
    ['order-items', 'order-item'],
    ['boxes', 'box'],
  ])('%s has the singular %s', (plural, singular) => {
    expect(namesOf(plural)).toMatchObject({ plural, singular });
  });

  it.each([
    ['Invoices', undefined, 'lower case'],
    ['order_items', undefined, 'lower case'],
    ['../x', undefined, 'lower case'],
    ['sheep', undefined, 'add --singular'],
    ['news', 'news', 'must differ'],
    ['classes', undefined, 'class is a reserved word of TypeScript'],
    ['users', undefined, 'user is a reserved word of SQL'],
    ['dates', undefined, 'for something else'],
    ['references', 'reference-to', 'references is a reserved word of SQL'],
  ])('can not be %s', (plural, singular, message) => {
    expect(() => namesOf(plural, singular)).toThrow(message);
  });
});

describe('a field', () => {
  it.each([
    ['amount', 'is not a field'],
    ['amount:float', 'is not a field'],
    ['Amount:int', 'camelCase'],
    ['order:int', 'reserved word of SQL'],
    ['createdAt:date', 'Every feature has the field'],
    ['state:enum(open)', 'two or more different words'],
    ['isOpen:bool:unique', 'can be unique'],
  ])('can not be %s', (field, message) => {
    expect(() => parseFields([field], namesOf('invoices'))).toThrow(message);
  });

  it('has a name that no other field has', () => {
    expect(() => parseFields(['dueOn:date', 'dueOn:int'], namesOf('invoices'))).toThrow('given twice');
  });
});
