import type { TestApp } from './app.ts';

export interface InjectedRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  payload?: string | undefined;
}

/** Sends a request without a socket: fast, and with values that an HTTP client would reject. */
export async function inject(app: TestApp, { payload, ...request }: InjectedRequest) {
  const answer = await app.api.inject({
    ...request,
    method: request.method.toUpperCase() as 'GET',
    ...(payload !== undefined && { payload }),
  });
  // Ends a body that the app did not read. A socket would be closed.
  answer.raw.req.emit('close');
  return answer;
}

/** The code of an error, or the status. */
export async function injectedOutcome(app: TestApp, request: InjectedRequest): Promise<string | number> {
  const { statusCode, json } = await inject(app, request);
  return statusCode < 400 ? statusCode : json<{ code: string }>().code;
}
