import { NoSchemaIntrospectionCustomRule, specifiedRules, type ValidationRule } from 'graphql';
import type { Config } from '../config/config.ts';

/** In production a client can't read the schema from the API: it is in the repository. */
export const extraRules = ({ NODE_ENV }: Config): ValidationRule[] =>
  NODE_ENV === 'production' ? [NoSchemaIntrospectionCustomRule] : [];

export const validationRules = (config: Config): ValidationRule[] => [
  ...specifiedRules,
  ...extraRules(config),
];
