/**
 * Owns loading a bundle of packages: with the compiled code beside it, where that is of this very
 * Node, else without.
 */
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const vm = require('node:vm');

const loaded = new Map();

module.exports = (bundle, name) => {
  if (!loaded.has(bundle)) loaded.set(bundle, load(path.join(__dirname, bundle)));
  return loaded.get(bundle).packages[name]();
};

/** Called once, by the build. */
module.exports.keepCompiled = () => {
  for (const { script, compiled } of loaded.values()) writeFileSync(compiled, script.createCachedData());
};

function load(folder) {
  const filename = path.join(folder, 'packages.js');
  const compiled = path.join(folder, 'packages.compiled');
  // Not as UTF-8: the bundler writes ASCII only, which is read faster so.
  const text = readFileSync(filename, 'latin1');
  const script = new vm.Script(`(function (exports, require, __filename, __dirname) {${text}\n})`, {
    filename,
    // Compiled by another Node it is refused, and the text is compiled as ever.
    cachedData: existsSync(compiled) ? readFileSync(compiled) : undefined,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const packages = {};
  script.runInThisContext()(packages, createRequire(filename), filename, folder);
  return { packages, script, compiled };
}
