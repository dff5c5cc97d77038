import { z } from 'zod';
import { httpUrl, optional, withDefault } from './setting-fields.ts';

const PAIR = /^\s*([\w-]+)\s*=(.*)$/;

const headers = z.string().refine((text) => {
  try {
    return text.split(',').every((pair) => PAIR.test(pair)) && parseHeaders(text);
  } catch {
    return false;
  }
}, 'must be name=value pairs, separated by commas, with percent-encoded values');

/** The value of OTEL_EXPORTER_OTLP_HEADERS. */
export function parseHeaders(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => PAIR.exec(pair) ?? []);
  return Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [name, decodeURIComponent(value.trim())]),
  );
}

/** The names, values and defaults of the OpenTelemetry specification, except where a description says otherwise. */
export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(httpUrl).describe(
    'Traces are sent to this OTLP/HTTP endpoint, as JSON to its path /v1/traces. Empty: tracing is off.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: optional(headers).describe(
    'Headers of these requests as name=value, separated by commas, values percent-encoded. For example the key of the service.',
  ),
  OTEL_SERVICE_NAME: optional(z.string().max(100)).describe(
    'The name of the process in traces. Default: the name of the product, with -api or -worker.',
  ),
  OTEL_TRACES_SAMPLER: withDefault(
    z.enum([
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ]),
    'always_on',
  ).describe(
    'Which traces are recorded: always_on (all), always_off (none) or traceidratio (the share in OTEL_TRACES_SAMPLER_ARG). With parentbased_ in front, the sampled flag of a traceparent header decides. Use parentbased_ only behind a gateway that sets the header, because any client can send it.',
  ),
  OTEL_TRACES_SAMPLER_ARG: withDefault(z.coerce.number().min(0).max(1), 1).describe(
    'The share of traces that traceidratio records, from 0 to 1.',
  ),
};
