import type { Adapter, AdapterPayload } from 'oidc-provider';

/** Stores the codes and sessions of a fake provider in memory. (The library's adapter logs a warning at each start.) */
export function memoryAdapter(): (model: string) => Adapter {
  const entries = new Map<string, AdapterPayload>();
  return (model) => ({
    upsert: async (id, payload) => void entries.set(`${model} ${id}`, payload),
    find: async (id) => entries.get(`${model} ${id}`),
    findByUid: async (uid) => entriesOf(entries, model).find((payload) => payload.uid === uid),
    findByUserCode: async (code) => entriesOf(entries, model).find((payload) => payload.userCode === code),
    consume: async (id) => {
      const payload = entries.get(`${model} ${id}`);
      if (payload) payload.consumed = Math.floor(Date.now() / 1000);
    },
    destroy: async (id) => void entries.delete(`${model} ${id}`),
    revokeByGrantId: async (grantId) => {
      for (const [key, payload] of entries) if (payload.grantId === grantId) entries.delete(key);
    },
  });
}

const entriesOf = (entries: Map<string, AdapterPayload>, model: string): AdapterPayload[] =>
  [...entries].filter(([key]) => key.startsWith(`${model} `)).map(([, payload]) => payload);
