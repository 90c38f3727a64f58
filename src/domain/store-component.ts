/** Who reaches the tables of a ring with rights of its own: the roles of a node, and whoever only reads the audit log. */
export const storeComponents = ['gateway', 'shards', 'workers', 'auditor'] as const;
export type StoreComponent = (typeof storeComponents)[number];
