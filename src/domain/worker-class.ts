/** A worker class: workers that are made alike and scaled together. Its name is also valid as a Kubernetes label. */
export const workerClassPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** For messages to people. */
export const workerClassText = '1 to 63 of a-z 0-9 -, beginning and ending with a letter or digit';

export const defaultWorkerClass = 'default';
