import { variablesOf } from './parse.ts';
import type { Stage } from './parse.ts';

/** The ports of HTTP and gRPC when the command line names none. */
export interface DefaultPorts {
  readonly http: number;
  readonly grpc: number;
}

/**
 * What is wrong with a Dockerfile of this project before a step of it runs, in sentences; empty when
 * nothing is.
 *
 * @param majors versions of Node.js that the project is tested with
 */
export function faultsOf(
  stages: readonly Stage[],
  ports: DefaultPorts,
  majors: readonly number[],
): readonly string[] {
  const faults: string[] = [];
  const names = new Set<string>();
  for (const { base, name, instructions } of stages) {
    const major = Number(/^node:(\d+)(?:\.\d+)*-\w+-slim$/.exec(base)?.[1]);
    if (!names.has(base) && !majors.includes(major)) {
      faults.push(
        `a base image must be node:N-DEBIAN-slim, N one of ${majors.join(', ')}: ${base}`,
      );
    }
    if (name !== undefined) names.add(name);
    for (const { name: step, text } of instructions) {
      const installs = [...text.matchAll(/\bnpm\s+(\S+)/g)].map(([, word = '']) => word);
      const wrong = installs.filter((word) => word !== 'ci' && word !== 'run');
      if (step !== 'RUN' || wrong.length === 0) continue;
      faults.push(`packages must come from the lock file, by npm ci: npm ${wrong.join(', npm ')}`);
    }
  }
  return [...faults, ...faultsOfLast(stages.at(-1) as Stage, ports)];
}

function faultsOfLast({ instructions }: Stage, { http, grpc }: DefaultPorts): readonly string[] {
  const faults: string[] = [];
  const last = (name: string) => instructions.findLast((step) => step.name === name);
  const user = last('USER')?.text ?? 'root';
  if (/^(root|0)(:|$)/.test(user)) faults.push(`the last stage must end as a plain USER: ${user}`);
  const changes = ['RUN', 'COPY'].map((name) => last(name)?.line ?? 0);
  if ((last('USER')?.line ?? Infinity) < Math.max(...changes)) {
    faults.push('files must be put in place before USER, so that they belong to root');
  }
  for (const name of ['ENTRYPOINT', 'CMD', 'HEALTHCHECK']) {
    const text = last(name)?.text.replace(/^CMD\s+/, '');
    if (text?.startsWith('[') === true) continue;
    faults.push(`${name} must be there as a JSON array, since a shell would not pass signals on`);
  }
  const exposed = last('EXPOSE')?.text.split(/\s+/) ?? [];
  for (const port of [http, grpc]) {
    if (!exposed.includes(String(port))) faults.push(`EXPOSE must name the default port ${port}`);
  }
  const environment = new Map(
    instructions.filter((step) => step.name === 'ENV').flatMap((step) => [...variablesOf(step)]),
  );
  const health = environment.get('HEALTH_URL') ?? '';
  if (!URL.canParse(health) || Number(new URL(health).port) !== http) {
    faults.push(`HEALTH_URL must name port ${http}: ${JSON.stringify(health)}`);
  }
  return faults;
}
