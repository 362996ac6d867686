/** What a release is, and the commands that publish it. */

export type Release = {
  readonly version: string;
  /** Web address of the repository, such as https://github.com/OWNER/natsgate. Nothing else in a release names an owner. */
  readonly repository: string;
  readonly revision: string;
};

export type Files = { readonly package: string; readonly chart: string };

/** By tag in the Dockerfile, by digest in a release. */
export type Base = { readonly argument: string; readonly name: string };

/** `ghcr.io/owner/natsgate` for a repository at github.com. */
export function imageOf({ repository }: Release): string {
  return `ghcr.io${new URL(repository).pathname.toLowerCase()}`;
}

/** Pages of the repository, as they were in this version. */
export const pagesOf = ({ repository, version }: Release): string => `${repository}/blob/v${version}`;

/** The bases of a Dockerfile that are arguments with a default. */
export const basesOf = (dockerfile: string): readonly Base[] =>
  [...dockerfile.matchAll(/^ARG (\w+_IMAGE)=(\S+)$/gm)].map(([, argument = '', name = '']) => ({
    argument,
    name,
  }));

/** Runs a command to its end and returns all that it says; throws when it fails. */
export type Run = (command: readonly string[]) => string;

export type Publication = {
  readonly release: Release;
  readonly files: Files;
  /** As they are in the Dockerfile. */
  readonly bases: readonly Base[];
  readonly createdAt: string;
};

/**
 * Publishes image, chart and package, in this order: a version of a package can never be taken back. What was pushed is
 * signed by its digest, without a key: the identity is that of the workflow.
 */
export function publish({ release, files, bases, createdAt }: Publication, run: Run): void {
  const digestOf = (command: readonly string[]): string => {
    const [digest] = /sha256:[0-9a-f]{64}/.exec(run(command)) ?? [];
    if (digest === undefined) throw new Error(`no digest from ${command.join(' ')}`);
    return digest;
  };
  const inspect = (image: string): string =>
    digestOf(['docker', 'buildx', 'imagetools', 'inspect', image, '--format', '{{.Manifest.Digest}}']);
  const image = imageOf(release);
  const charts = `${image.replace(/\/[^/]+$/, '')}/charts`;
  const pinned = bases.map(({ argument, name }) => `${argument}=${name}@${inspect(name)}`);
  run(buildImage(release, pinned, createdAt));
  run(['cosign', 'sign', '--yes', `${image}@${inspect(`${image}:${release.version}`)}`]);
  const chart = digestOf(['helm', 'push', files.chart, `oci://${charts}`]);
  run(['cosign', 'sign', '--yes', `${charts}/natsgate@${chart}`]);
  run(['npm', 'publish', files.package, '--provenance', '--access', 'public']);
}

function buildImage(release: Release, bases: readonly string[], createdAt: string): readonly string[] {
  const { version, repository, revision } = release;
  const labels = { source: repository, url: repository, created: createdAt };
  return [
    ...['docker', 'buildx', 'build', '--platform', 'linux/amd64,linux/arm64'],
    ...['--sbom=true', '--provenance=mode=max', '--push', '--tag', `${imageOf(release)}:${version}`],
    ...[...bases, `VERSION=${version}`, `REVISION=${revision}`].flatMap((one) => ['--build-arg', one]),
    ...Object.entries(labels).flatMap(([name, value]) => [
      '--label',
      `org.opencontainers.image.${name}=${value}`,
    ]),
    '.',
  ];
}
