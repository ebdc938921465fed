/** Owns the list of formats that a consumer's file may have. */
import type { FormatName } from '../consumer.js';
import { findInDatadogConf } from './datadog-conf.js';
import { findInDotenv } from './dotenv.js';
import type { FindPlace } from './format.js';
import { findInIni } from './ini.js';
import { findInJson } from './json.js';
import { findInWhole } from './whole.js';
import { findInYaml } from './yaml.js';

export const findIn: Readonly<Record<FormatName, FindPlace>> = {
  yaml: findInYaml,
  json: findInJson,
  ini: findInIni,
  'datadog-conf': findInDatadogConf,
  dotenv: findInDotenv,
  whole: findInWhole,
};
