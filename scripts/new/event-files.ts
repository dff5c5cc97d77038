import { existsSync } from 'node:fs';
import { type ExistingFeature, sourceOf } from './existing-feature.ts';
import type { Field } from './fields.ts';
import { addImport, addMethod, injectInto, registerInModule } from './module-edits.ts';
import { camel, pascal, withArticle } from './names.ts';
import { lines } from './table-files.ts';

export interface NewEvent {
  feature: ExistingFeature;
  /** `invoice.paid` */
  type: string;
  fields: Field[];
  isPublic: boolean;
  /** The data of the event, if no field is given: the response schema of the feature. */
  schema?: string;
}

const DOT = /[.]/g;
/** `invoicePaid` and `InvoicePaid` */
export const eventNames = (type: string) => {
  const kebab = type.replaceAll(DOT, '-');
  return { variable: camel(kebab), Name: pascal(kebab), file: kebab };
};

export const eventsFileOf = ({ feature }: NewEvent): string => `${sourceOf(feature)}.events.ts`;
const IMPORTABLE = ['timestampSchema'];

const isFirst = (event: NewEvent): boolean => !existsSync(eventsFileOf(event));

export function eventFiles(event: NewEvent): Record<string, string> {
  return {
    ...(isFirst(event) && { [eventsFileOf(event)]: addDefinition('', event) }),
    [`test/e2e/${eventNames(event.type).file}.spec.ts`]: testFile(event),
  };
}

/** Adds the definition to the events of the feature, which may have none yet. */
function addDefinition(content: string, event: NewEvent): string {
  const { fields, schema, feature } = event;
  const imports: [name: string, path: string][] = [
    ['defineEvent', '../platform/events/domain-events.ts'],
    ...(schema ? [[schema, `./${feature.folder}.schemas.ts`] as [string, string]] : OWN_DATA),
    ...IMPORTABLE.filter((name) => fields.some(({ response }) => response.includes(name))).map(
      (name): [string, string] => [name, '../platform/http/schemas.ts'],
    ),
  ];
  const imported = imports.reduce((text, [name, path]) => addImport(text, name, path), content);
  return `${imported}\n${definition(event)}`;
}

const OWN_DATA: [string, string][] = [
  ['z', 'zod'],
  ['examples', '../platform/openapi/examples.ts'],
  ['sample', '../platform/openapi/examples.ts'],
];

const definition = (event: NewEvent): string => `
export const ${eventNames(event.type).variable} = defineEvent({
  type: '${event.type}',
  summary: '${summaryOf(event.type)}',
  data: ${event.schema ?? ownData(event)},
  isPublic: ${event.isPublic},
});
`;

/** "An invoice was paid." */
function summaryOf(type: string): string {
  const [noun = '', ...verbs] = type.replaceAll('-', ' ').split('.');
  const subject = withArticle(noun);
  return `${subject.charAt(0).toUpperCase()}${subject.slice(1)} was ${verbs.join(' ')}.`;
}

function ownData({ type, fields }: NewEvent): string {
  const { Name } = eventNames(type);
  const title = type.replaceAll(/[.-]/g, ' ');
  const schemaOf = ({ response, isOptional, values }: Field): string => {
    const schema = values ? `z.enum([${values.map((value) => `'${value}'`).join(', ')}])` : response;
    return `${schema}${isOptional ? '.nullable()' : ''}`;
  };
  return `z
    .object({
      id: z.string(),
${lines(fields, (field) => `      ${field.name}: ${schemaOf(field)},`)}
    })
    .meta({ id: '${Name}' })
    .register(examples, {
      '${title.charAt(0).toUpperCase()}${title.slice(1)}': {
        id: sample.id,
${lines(fields, ({ name, example }) => `        ${name}: ${example},`)}
      },
    })`;
}

export function eventEdits(event: NewEvent): Record<string, (content: string) => string> {
  const { folder, Plural } = event.feature;
  const { variable } = eventNames(event.type);
  const events = `./${folder}.events.ts`;
  return {
    ...(!isFirst(event) && { [eventsFileOf(event)]: (content: string) => addDefinition(content, event) }),
    [`${sourceOf(event.feature)}.module.ts`]: (content) => {
      const registered = registerInModule(content, 'DomainEventsModule', variable);
      const imported = addImport(
        registered,
        'DomainEventsModule',
        '../platform/events/domain-events.module.ts',
      );
      return addImport(imported, variable, events);
    },
    [`${sourceOf(event.feature)}.service.ts`]: (content) => addEmit(content, { Plural, variable, events }),
  };
}

function addEmit(
  content: string,
  { Plural, variable, events }: { Plural: string; variable: string; events: string },
): string {
  const className = `${Plural}Service`;
  const injected = injectInto(content, className, { name: 'events', type: 'DomainEvents' });
  const method = `
  /** Call it in the transaction of the change: if that rolls back, there is no event. */
  emit${variable.charAt(0).toUpperCase()}${variable.slice(1)}(
    userId: string,
    data: z.input<typeof ${variable}.data>,
    tx: EntityManager,
  ): Promise<void> {
    return this.${injected.property}.emit(${variable}, { userId, data }, tx);
  }`;
  return [
    ['z', 'zod', 'type'],
    ['EntityManager', 'typeorm', 'type'],
    ['DomainEvents', '../platform/events/domain-events.ts'],
    [variable, events],
  ].reduce(
    (text, [name = '', path = '', kind]) => addImport(text, name, path, kind === 'type'),
    addMethod(injected.content, className, method.trim()),
  );
}

/** The code of a listener, to copy into another feature. */
export function listenerOf({ feature: { folder }, type }: NewEvent): string {
  const { variable, Name } = eventNames(type);
  return `
  import { Injectable, type OnModuleInit } from '@nestjs/common';
  import { ${variable} } from '../${folder}/${folder}.events.ts';
  import { DomainEvents } from '../platform/events/domain-events.ts';

  @Injectable()
  export class ${Name}Listener implements OnModuleInit {
    constructor(private readonly events: DomainEvents) {}

    onModuleInit(): void {
      this.events.on(${variable}, async ({ userId, data }, tx) => {
        // Write through tx. An error rolls back the change that caused the event.
      });
    }
  }
`;
}

function testFile({ feature: { folder, Plural }, type }: NewEvent): string {
  const { variable, Name } = eventNames(type);
  return `
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { z } from 'zod';
import { ${variable} } from '../../src/${folder}/${folder}.events.ts';
import { ${Plural}Service } from '../../src/${folder}/${folder}.service.ts';
import { type DomainEvent, DomainEvents } from '../../src/platform/events/domain-events.ts';
import { examples } from '../../src/platform/openapi/examples.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';

type Data = z.input<typeof ${variable}.data>;

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('the event ${type}', () => {
  it('reaches other features in the transaction of the change', async () => {
    const { user } = await createUser(app);
    const events: DomainEvent[] = [];
    app.api.get(DomainEvents).on(${variable}, async (event) => {
      events.push(event);
    });

    const [data] = Object.values(examples.get(${variable}.data)!) as [Data];
    const service = app.api.get(${Plural}Service, { strict: false });
    await app.db.transaction((tx) => service.emit${Name}(user.id, data, tx));

    expect(events).toMatchObject([{ type: '${type}', userId: user.id, data: { id: data.id } }]);
  });
});
`;
}
