import { z } from 'zod';
import { idSchema, nameText, text, timestampSchema } from '../platform/http/schemas.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
import { fileStates } from './file.entity.ts';

const NAME_MAX = 255;
const PURPOSE_MAX = 50;
const TYPE_MAX = 100;

const photo = { purpose: 'avatar', name: 'ada.png', type: 'image/png', size: 48_213 };
const later = '2026-11-28T09:45:00.000Z';

const expiringUrl = z.object({ url: z.string(), expiresAt: timestampSchema });

export const fileSchema = z
  .object({
    id: z.string(),
    purpose: z.string(),
    name: z.string(),
    type: z.string(),
    size: z.int(),
    state: z.enum(fileStates),
    createdAt: timestampSchema,
    download: expiringUrl.nullable().describe('Null until the file is `ready`. Do not store the URL.'),
  })
  .meta({ id: 'File' })
  .register(examples, {
    'Ready file': {
      id: sample.id,
      ...photo,
      state: 'ready',
      createdAt: sample.earlier,
      download: {
        url: 'https://bucket.s3.example.com/files/0199a3c1?X-Amz-Signature=3f9c',
        expiresAt: later,
      },
    },
    'New file': { id: sample.id, ...photo, state: 'pending', createdAt: sample.earlier, download: null },
  });

export const newFileSchema = z
  .object({
    file: fileSchema,
    upload: z
      .object({
        method: z.literal('PUT'),
        url: z.string(),
        headers: z.record(z.string(), z.string()),
        expiresAt: timestampSchema,
      })
      .describe(
        'The request that uploads the file. Send exactly the declared number of bytes, without a token.',
      ),
  })
  .meta({ id: 'NewFile' })
  .register(examples, {
    'New file': {
      file: { id: sample.id, ...photo, state: 'pending', createdAt: sample.earlier, download: null },
      upload: {
        method: 'PUT',
        url: 'https://bucket.s3.example.com/uploads/0199a3c1?X-Amz-Signature=3f9c',
        headers: { 'content-type': 'image/png' },
        expiresAt: later,
      },
    },
  });

export const createFileSchema = z
  .strictObject({
    purpose: text({ min: 1, max: PURPOSE_MAX }).describe('What the file is for, such as `avatar`.'),
    name: nameText(NAME_MAX).describe('The name under which the file is saved.'),
    type: text({ min: 1, max: TYPE_MAX }).describe('The media type. The purpose defines which are allowed.'),
    size: z.int().min(1).describe('The exact size in bytes.'),
  })
  .meta({ id: 'CreateFile' })
  .register(examples, { 'A profile picture': photo });
export type CreateFile = z.output<typeof createFileSchema>;

export const fileIdSchema = idSchema;
