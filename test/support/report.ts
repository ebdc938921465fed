/**
 * Owns the report that ends every run: which files took longest, how much of that was processor
 * time, and how busy the cores were.
 */
import os from 'node:os';
import type { Reporter, TestModule } from 'vitest/node';
import { processorTime } from './processor-time.js';

const shown = 10;

interface Cost {
  readonly file: string;
  readonly project: string;
  readonly wall: number;
  readonly processor: number;
}

export default class Report implements Reporter {
  #began = 0;

  onTestRunStart(): void {
    this.#began = performance.now();
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const costs = modules.map(costOf);
    const sum = (some: readonly Cost[], of: (cost: Cost) => number) => some.reduce((total, cost) => total + of(cost), 0);
    const slowest = [...costs].sort((a, b) => b.wall - a.wall).slice(0, shown);
    const lines = [
      row('slowest files', 'time', 'processor', 'waiting'),
      ...slowest.map(({ file, wall, processor }) => row(file, wall, processor, Math.max(0, wall - processor))),
      '',
      row('by project, files one after the other', 'time', 'processor', 'waiting'),
      ...[...new Set(costs.map((cost) => cost.project))].map((project) => {
        const own = costs.filter((cost) => cost.project === project);
        const waiting = sum(own, ({ wall, processor }) => Math.max(0, wall - processor));
        return row(
          `${project}, ${own.length} files`,
          sum(own, (c) => c.wall),
          sum(own, (c) => c.processor),
          waiting,
        );
      }),
      '',
    ];
    const wall = performance.now() - this.#began;
    // Servers, which files share, and Vitest itself are in the whole, and in no file.
    const whole = processorTime();
    const busy = Math.round((100 * whole) / (wall * os.availableParallelism()));
    lines.push(
      `the run: ${seconds(wall)}; processor time ${seconds(whole)}, ${seconds(sum(costs, (c) => c.processor))} of it in files; ` +
        `${os.availableParallelism()} cores, busy for ${busy} %`,
    );
    console.log(`\n${lines.join('\n')}`);
  }
}

function costOf(module: TestModule): Cost {
  const { duration, collectDuration, setupDuration, prepareDuration } = module.diagnostic();
  return {
    file: module.relativeModuleId,
    project: module.project.name,
    wall: duration + collectDuration + setupDuration + prepareDuration,
    processor: module.meta().processorTime ?? 0,
  };
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

function row(name: string, ...cells: readonly (string | number)[]): string {
  const texts = cells.map((cell) => (typeof cell === 'number' ? seconds(cell) : cell).padStart(11));
  return `${name.padEnd(52)}${texts.join('')}`;
}
