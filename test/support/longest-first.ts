/**
 * Owns the order in which files begin: the longest first, so that none is left to run alone at the
 * end.
 */
import path from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of a minute and more, by the report that ends every run, the longest first. */
export const longest: readonly string[] = [
  'test/e2e/neighbours.test.ts',
  'test/e2e/attributes.test.ts',
  'test/chaos/services.test.ts',
  'test/conformance/docspace.test.ts',
  'test/chaos/ledger-behind.test.ts',
  'test/chaos/history.test.ts',
  'test/e2e/postgres-roles.test.ts',
  'test/conformance/algolia.test.ts',
  'test/e2e/manual.test.ts',
  'test/e2e/incidents.test.ts',
  'test/e2e/refusals.test.ts',
  'test/e2e/manual-host.test.ts',
  'test/e2e/second-key.test.ts',
  'test/conformance/soar.test.ts',
];

/**
 * Groups stay in their order; within one, what is not among the longest follows as Vitest has it.
 */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = longest.indexOf(path.relative(this.ctx.config.root, moduleId));
      return at < 0 ? longest.length : at;
    };
    const group = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    return (await super.sort(files)).sort((a, b) => group(a) - group(b) || place(a) - place(b));
  }
}
