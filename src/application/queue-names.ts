/** The queue that jobs get when they name none; made at the first start of a cluster. */
export const defaultQueueName = 'default';
