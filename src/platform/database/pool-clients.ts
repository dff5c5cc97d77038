import type { ClientBase } from 'pg';

/**
 * For `onConnect` of a pool. A pool hears the faults of its idle clients only, and whoever borrows one listens a moment
 * later: a connection that the server ends in between would end the process, as an error that nobody caught. The next
 * statement on it fails in any case, and tells those concerned.
 */
export const outliveConnection = (client: ClientBase): void => void client.on('error', () => undefined);
