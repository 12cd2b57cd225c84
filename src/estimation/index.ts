export { estimatorFor } from './estimator.ts';
