// Preloaded into the programs: resolves names as a hostile name server would.
import { Resolver } from 'node:dns/promises';

const ADDRESSES = {
  'inward.example': ['127.0.0.1'],
  'mixed.example': ['93.184.216.34', '127.0.0.1'],
};

Resolver.prototype.resolve4 = async (name) => ADDRESSES[name] ?? [];
Resolver.prototype.resolve6 = async () => [];
