/** Owns the list of workflows that a worker serves. */
export { adoptCredential, applyConfiguration, compareKeys } from './apply.js';
export { answerIncident } from './campaign.js';
export { digestManagement } from './digest-management.js';
export { startDueRotations, sweep } from './launch.js';
export { rotateInPlace } from './rotate-in-place.js';
export { rotateOverlap } from './rotate-overlap.js';
export { surveyStores } from './survey-stores.js';
export { updateKey } from './update-key.js';
