import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { addDependentDefaults, settingsSchema } from '../../src/platform/config/settings.ts';
import { readGuide } from '../support/guide.ts';

const named = z.strictObject({ name: z.string() });
const selector = z.strictObject({ matchLabels: z.strictObject({ app: z.string() }) });
const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string(), port: z.enum(['http', 'metrics']) }),
  periodSeconds: z.int(),
  timeoutSeconds: z.int().optional(),
  failureThreshold: z.int().optional(),
});
const container = z.strictObject({
  name: z.string(),
  image: z.string(),
  command: z.tuple([z.literal('node'), z.string()]),
  envFrom: z.array(z.union([z.strictObject({ configMapRef: named }), z.strictObject({ secretRef: named })])),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })).default([]),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  resources: z
    .strictObject({
      requests: z.strictObject({ cpu: z.string(), memory: z.string() }),
      limits: z.strictObject({ memory: z.string() }),
    })
    .optional(),
  securityContext: z.strictObject({
    runAsNonRoot: z.literal(true),
    readOnlyRootFilesystem: z.literal(true),
    allowPrivilegeEscalation: z.literal(false),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  volumeMounts: z.array(z.strictObject({ name: z.literal('tmp'), mountPath: z.literal('/tmp') })),
});
const podSpec = z.strictObject({
  restartPolicy: z.literal('Never').optional(),
  terminationGracePeriodSeconds: z.int().optional(),
  automountServiceAccountToken: z.literal(false),
  shareProcessNamespace: z.literal(true).optional(),
  containers: z.tuple([container]),
  volumes: z.array(z.strictObject({ name: z.literal('tmp'), emptyDir: z.strictObject({}) })),
});
const metadata = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  labels: z.strictObject({ step: z.literal('migrate') }).optional(),
});

/** The keys of the Kubernetes API that are used. Strict, because a misspelled key could be ignored. */
const manifest = z.discriminatedUnion('kind', [
  z.strictObject({
    apiVersion: z.literal('v1'),
    kind: z.literal('ConfigMap'),
    metadata,
    data: z.record(z.string(), z.string()),
  }),
  z.strictObject({
    apiVersion: z.literal('batch/v1'),
    kind: z.literal('Job'),
    metadata,
    spec: z.strictObject({
      backoffLimit: z.literal(0),
      activeDeadlineSeconds: z.int(),
      template: z.strictObject({ spec: podSpec }),
    }),
  }),
  z.strictObject({
    apiVersion: z.literal('apps/v1'),
    kind: z.literal('Deployment'),
    metadata,
    spec: z.strictObject({
      replicas: z.int().min(2),
      selector,
      strategy: z
        .strictObject({ rollingUpdate: z.strictObject({ maxUnavailable: z.int(), maxSurge: z.int() }) })
        .optional(),
      template: z.strictObject({
        metadata: z.strictObject({ labels: z.strictObject({ app: z.string() }) }),
        spec: podSpec,
      }),
    }),
  }),
  z.strictObject({
    apiVersion: z.literal('v1'),
    kind: z.literal('Service'),
    metadata,
    spec: z.strictObject({
      selector: z.strictObject({ app: z.string() }),
      ports: z.array(z.strictObject({ name: z.string(), port: z.int(), targetPort: z.literal('http') })),
    }),
  }),
  z.strictObject({
    apiVersion: z.literal('policy/v1'),
    kind: z.literal('PodDisruptionBudget'),
    metadata,
    spec: z.strictObject({ maxUnavailable: z.int(), selector }),
  }),
]);

const text = readFileSync(new URL('../../docker/kubernetes.yaml', import.meta.url), 'utf8');
const manifests = parseAllDocuments(text).map((document) => {
  if (document.errors[0]) throw document.errors[0];
  return manifest.parse(document.toJS());
});
const guide = readGuide('run-on-kubernetes.md');
const deployments = manifests.filter((found) => found.kind === 'Deployment');
const job = manifests.find((found) => found.kind === 'Job')!;
const settings = settingsSchema.parse({ DATABASE_URL: 'postgres://localhost/app' });

describe('docker/kubernetes.yaml', () => {
  it('has a job, two deployments and what they need', () => {
    expect(manifests.map(({ kind, metadata: { name } }) => `${kind} ${name}`)).toEqual([
      'ConfigMap app-settings',
      'Job migrate-1-2-0',
      'Deployment api',
      'Service api',
      'PodDisruptionBudget api',
      'Deployment worker',
    ]);
  });

  it('starts programs that this project has', () => {
    const pods = [job, ...deployments].map(({ spec }) => spec.template.spec);
    const sources = pods.map(({ containers: [{ command }] }) =>
      command[1].replace(/^dist\//, '').replace(/\.js$/, '.ts'),
    );

    expect(sources).toEqual(['src/migrate.ts', 'src/main.ts', 'src/worker.ts']);
    expect(sources.filter((file) => !existsSync(file))).toEqual([]);
  });

  it('uses settings of this application, and no secrets', () => {
    const data = manifests.flatMap((found) => (found.kind === 'ConfigMap' ? Object.keys(found.data) : []));

    expect(data.filter((name) => !(name in settingsSchema.shape))).toEqual([]);
    expect(data.filter((name) => /SECRET|PASSWORD|_KEYS|DATABASE|REDIS|SMTP/.test(name))).toEqual([]);
  });

  it('applies the migrations and their settings first', () => {
    const first = manifests.filter(({ metadata: { labels } }) => labels?.step === 'migrate');

    expect(first.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Job']);
    expect(guide).toContain('--selector step=migrate');
    expect(guide).toContain(`job/${job.metadata.name} `);
  });

  it('gives the role of the migrations to their job only', () => {
    const secretsOf = ({ spec }: (typeof deployments)[number] | typeof job) =>
      spec.template.spec.containers[0].envFrom.flatMap((source) =>
        'secretRef' in source ? [source.secretRef.name] : [],
      );

    expect(secretsOf(job)).toEqual(['app-secrets', 'owner-secrets']);
    for (const deployment of deployments) expect(secretsOf(deployment)).toEqual(['app-secrets']);
  });

  it('lets each program end before it is killed, and a blocked one end itself', () => {
    for (const { spec } of deployments) {
      const { terminationGracePeriodSeconds, shareProcessNamespace } = spec.template.spec;
      expect(terminationGracePeriodSeconds).toBeGreaterThan(settings.SHUTDOWN_DEADLINE_SECONDS);
      expect(shareProcessNamespace).toBe(true);
    }
  });

  it('probes the health checks on ports where the programs listen', () => {
    const ports = { http: settings.PORT, metrics: settings.METRICS_PORT };
    for (const { spec } of deployments) {
      const [{ ports: open, startupProbe, livenessProbe, readinessProbe }] = spec.template.spec.containers;
      for (const { name, containerPort } of open)
        expect([name, containerPort]).toEqual([name, ports[name as keyof typeof ports]]);
      expect([startupProbe, livenessProbe, readinessProbe].map((found) => found?.httpGet.path)).toEqual([
        '/health/live',
        '/health/live',
        '/health/ready',
      ]);
      expect(open.map(({ name }) => name)).toContain(readinessProbe?.httpGet.port);
    }
  });

  it('has valid settings, and the guide says how long the API still responds', () => {
    const [map] = manifests.flatMap((found) => (found.kind === 'ConfigMap' ? [found.data] : []));
    const parsed = settingsSchema.parse({ DATABASE_URL: 'postgres://localhost/app', ...map });

    expect(guide).toContain(
      `\`SHUTDOWN_DRAIN_SECONDS\` (${addDependentDefaults(parsed).SHUTDOWN_DRAIN_SECONDS})`,
    );
  });
});
