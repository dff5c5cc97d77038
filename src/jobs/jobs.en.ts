export const en = {
  unknownType: 'There is no such job type.',
  expectedTypes: (types: string) => `Expected one of: ${types}.`,
};
