/** Carries messages from one process to all others. */
export interface BusTransport {
  /** Rejects when the message could not be sent. A message that was sent may still be lost. */
  publish(message: string): Promise<unknown>;
  /** Listens until `close`. Calls `onConnected` each time that messages start to arrive, so also after a reconnect. */
  listen(onMessage: (message: string) => void, onConnected: () => void): void;
  close(): Promise<void>;
}

export type WarnOfError = (error: unknown) => void;

export const RECONNECT_MS = { min: 200, max: 3_000 } as const;
