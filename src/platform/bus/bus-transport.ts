/** How messages get from one process to the others. */
export interface BusTransport {
  /** Rejects where the message could not be sent; it may be lost all the same. */
  publish(message: string): Promise<unknown>;
  /** Listens until `close`. `onConnected` is called each time that messages begin, or begin again, to arrive. */
  listen(onMessage: (message: string) => void, onConnected: () => void): void;
  close(): Promise<void>;
}

export type ReportFault = (error: unknown) => void;

export const RECONNECT_MS = { min: 200, max: 3_000 } as const;
