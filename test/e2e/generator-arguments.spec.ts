import { describe, expect, it } from '@jest/globals';
import { eventEdits } from '../../scripts/new/event-files.ts';
import { parseFields } from '../../scripts/new/fields.ts';
import { namesOf } from '../../scripts/new/names.ts';
import { addSetting, parseSetting } from '../../scripts/new/setting-files.ts';

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
    ['author:references:users?', 'The name of a reference ends in Id'],
    ['fileId:references:files', "The tests can't create the target of fileId:references:files"],
    ['authorId:references:users', 'Add a field that is no reference'],
    ['authorId:references:authors?', 'No entity in src/authors has the table authors'],
    ['userId:references:users?', 'Every feature has the field userId'],
  ])('can not be %s', (field, message) => {
    expect(() => parseFields([field], namesOf('invoices'))).toThrow(message);
  });

  it('has a name that no other field has', () => {
    expect(() => parseFields(['dueOn:date', 'dueOn:int'], namesOf('invoices'))).toThrow('given twice');
  });
});

describe('an event', () => {
  it('can belong to a feature with the name events', () => {
    const feature = { folder: 'events', Plural: 'Events' };

    const edits = eventEdits({ feature, type: 'sign-up.created', fields: [], isPublic: true });

    const module = edits['src/events/events.module.ts']!(
      '@Module({ imports: [] })\nexport class EventsModule {}',
    );
    const service = edits['src/events/events.service.ts']!(
      'export class EventsService {\n  constructor(private readonly events: Repository<Event>) {}\n}',
    );
    expect(module).toContain('[DomainEventsModule.forFeature([signUpCreated])]');
    expect(module).not.toMatch(/import .*\bEventsModule\b/);
    expect(service).toContain('private readonly domainEvents: DomainEvents');
    expect(service).toContain('this.domainEvents.emit(signUpCreated');
  });
});

describe('a setting', () => {
  it.each([
    [{ type: 'int', min: '1', max: '365', default: '14' }, 'withDefault(whole(1, 365), 14)'],
    [{ type: 'bool', default: 'true' }, 'withDefault(flag, true)'],
    [{ type: 'text', max: '80', default: "Ada's" }, `withDefault(z.string().max(80), "Ada's")`],
    [{ type: 'url' }, 'optional(httpUrl)'],
    [{ type: 'enum(draft|sent)', default: 'sent' }, 'withDefault(z.enum(["draft", "sent"]), "sent")'],
  ])('of %j is %s', (options, schema) => {
    const settings = `export const settingsSchema = z.object({\n  PORT: flag,\n});`;

    const added = addSetting(settings, parseSetting('INVOICE_DUE_DAYS', options));

    expect(added).toContain(`INVOICE_DUE_DAYS: ${schema}.describe("Invoice due days.")`);
  });

  it.each([
    ['dueDays', { type: 'bool' }, 'is named in capitals'],
    ['DUE_DAYS', { type: 'number' }, 'number is not a type'],
    ['DUE_DAYS', { type: 'enum(draft)' }, 'is not a type'],
    ['DUE_DAYS', { type: 'int', min: '1' }, 'needs --max <whole number>'],
    ['DUE_DAYS', { type: 'int', min: '9', max: '1' }, '--min must be less than --max'],
    ['DUE_DAYS', { type: 'int', min: '1', max: '9', default: '10' }, 'The default 10 is not a valid value'],
    ['DUE_DAYS', { type: 'url', default: 'example.com' }, 'The default example.com is not a valid value'],
    ['DUE_DAYS', { type: 'bool', description: 'Two\nlines' }, 'one line'],
  ])('can not be %s %j', (name, options, message) => {
    expect(() => parseSetting(name, options)).toThrow(message);
  });
});
