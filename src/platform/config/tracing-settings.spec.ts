import { describe, expect, it } from '@jest/globals';
import { parseHeaders, tracingSettings } from './tracing-settings.ts';

const { OTEL_EXPORTER_OTLP_HEADERS: headers } = tracingSettings;

describe('the headers of traces', () => {
  it('are pairs of a name and a percent-encoded value', () => {
    expect(headers.safeParse('x-key=a').success).toBe(true);
    expect(parseHeaders('authorization=Basic%20YQ==, x-team = one')).toEqual({
      authorization: 'Basic YQ==',
      'x-team': 'one',
    });
  });

  it.each(['secret', 'x-key=%zz', 'x-key=a,', 'x key=a'])('are rejected: %s', (text) => {
    expect(headers.safeParse(text).success).toBe(false);
  });
});

describe('the share of traces', () => {
  it.each(['-1', '1.5', 'all'])('is rejected: %s', (text) => {
    expect(tracingSettings.OTEL_TRACES_SAMPLER_ARG.safeParse(text).success).toBe(false);
  });
});
