import { text } from 'node:stream/consumers';
import type { TestApp } from './app.ts';
import { codeOfOwnError, hasOwnErrors, type Operation } from './openapi.ts';

export interface InjectedRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  payload?: string | undefined;
}

export interface InjectedResponse {
  status: number;
  mediaType: string;
  /** Empty for an event stream, which has no end. */
  body: string;
}

/** Sends a request without a socket: fast, and with values that an HTTP client would reject. */
export async function inject(
  app: TestApp,
  { payload, ...request }: InjectedRequest,
): Promise<InjectedResponse> {
  const answer = await app.api.inject({
    ...request,
    method: request.method.toUpperCase() as 'GET',
    payloadAsStream: true,
    ...(payload !== undefined && { payload }),
  });
  const mediaType = (answer.headers['content-type'] ?? '').split(';')[0]!;
  const { res } = answer.raw;
  const isEndless = mediaType === 'text/event-stream';
  const body = isEndless ? '' : await text(answer.stream());
  if (isEndless) res.destroy();
  // Ends a body that the app did not read. With a socket, the connection would close.
  res.req.emit('close');
  return { status: answer.statusCode, mediaType, body };
}

/** The code of an error, or the status. */
export async function injectedOutcome(
  app: TestApp,
  operation: Operation,
  request: InjectedRequest,
): Promise<string | number> {
  const { status, body } = await inject(app, request);
  if (status < 400) return status;
  if (hasOwnErrors(operation)) return codeOfOwnError(operation, { status, body });
  return (JSON.parse(body) as { code: string }).code;
}
