/** Owns which folder is the home of an embedded installation. */
import path from 'node:path';

export const homeFolder = (env = process.env): string => path.resolve(env.REKEY_HOME ?? '.rekey');
