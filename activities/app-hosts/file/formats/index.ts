/** Owns the list of formats that a consumer's file may have. */
import type { FormatName } from '../config.js';
import { findInDatadogConf } from './datadog-conf.js';
import { findInDotenv } from './dotenv.js';
import type { FindPlace } from './format.js';
import { findInYaml } from './yaml.js';

export const findIn: Readonly<Record<FormatName, FindPlace>> = {
  yaml: findInYaml,
  'datadog-conf': findInDatadogConf,
  dotenv: findInDotenv,
};
