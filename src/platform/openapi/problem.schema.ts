import { z } from 'zod';

/** The body of every error (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.string().describe('A URI that documents the code.'),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable; what clients switch on.'),
    detail: z.string().optional().describe('What is particular to this occurrence.'),
    instance: z.string().optional().describe('Path of the request.'),
    correlationId: z.string().optional().describe('Finds this request in the logs.'),
    details: z
      .array(z.object({ path: z.string(), code: z.string(), message: z.string() }))
      .optional()
      .describe('The failures of single fields.'),
  })
  .meta({ id: 'Problem' });
