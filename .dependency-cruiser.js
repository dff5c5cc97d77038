/** The folders of src/ other than platform/ are the features. */
const FEATURE = '^src/(?!platform/)([^/]+)/';
/** What a feature shows to the others; types may always cross. */
const PUBLIC_FILES = [
  '\\.(module|service|policy|guard|filter|pipe|interceptor|decorators?|schemas?|graphql|events|errors|jobs?|permissions)\\.ts$',
  '^src/jobs/job-(definition|handler)\\.ts$',
  '^src/mail/mail-template\\.ts$',
  '^src/(audit/audit-event|notifications/notification)-types\\.ts$',
  '^src/files/file-purpose\\.ts$',
  '^src/schedules/schedule-definition\\.ts$',
  '^src/users/lock-users\\.ts$',
];
const ENTITY = '\\.entity\\.ts$';
const SPEC = '\\.spec\\.ts$';
/** The programs: each is started by its path, not imported. */
const PROGRAMS = '^src/[^./]+\\.ts$';
/** Loaded by browsers. */
const PAGES = ['^src/(dashboard|platform/graphql)/static/', '^src/.*/page/'];
/** For migrations after the first release. */
const MIGRATION_STEPS = '^src/platform/database/migration-steps[.]ts$';
/** The folders of src/platform/, lowest first: each may import those before it, and none after it. */
const PLATFORM_LAYERS = [
  'registry',
  'i18n',
  'personal-data',
  'config',
  'errors',
  'logging',
  'tracing',
  'metrics',
  'database',
  'redis',
  'queue',
  'bus',
  'events',
  'security',
  'idempotency',
  'openapi',
  'health',
  'http',
  'pagination',
  'graphql',
  'process',
  'replica',
  'retention',
  'seeds',
];
const TYPE_ONLY = ['type-only', 'type-import'];

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'platform-knows-no-feature',
      comment: 'platform/ is what features stand on.',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: '^src/(?!platform/)' },
    },
    {
      name: 'platform-folders-are-listed',
      comment: 'Add the folder to PLATFORM_LAYERS in .dependency-cruiser.js.',
      severity: 'error',
      from: {},
      to: { path: `^src/platform/(?!platform[.]module[.]ts$|(${PLATFORM_LAYERS.join('|')})/)` },
    },
    ...PLATFORM_LAYERS.slice(0, -1).map((layer, index) => ({
      name: `platform-${layer}-imports-lower-layers-only`,
      comment: 'The order is PLATFORM_LAYERS in .dependency-cruiser.js.',
      severity: 'error',
      from: { path: `^src/platform/${layer}/`, pathNot: SPEC },
      to: { path: `^src/platform/(${PLATFORM_LAYERS.slice(index + 1).join('|')})/` },
    })),
    {
      name: 'features-meet-at-their-front',
      comment:
        'A feature uses another through its module, services, policies, guards, filters, pipes, interceptors, decorators, schemas, errors, events, permissions and definitions of jobs, schedules, mails, files, notifications and audit events. Move what others need into such a file.',
      severity: 'error',
      from: { path: FEATURE, pathNot: [ENTITY, SPEC] },
      to: { path: FEATURE, pathNot: ['^src/$1/', ...PUBLIC_FILES], dependencyTypesNot: TYPE_ONLY },
    },
    {
      name: 'users-knows-no-auth',
      comment: 'auth reacts to the domain events of users.',
      severity: 'error',
      from: { path: '^src/users/', pathNot: SPEC },
      to: { path: '^src/auth/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: TYPE_ONLY } },
    },
    {
      name: 'entities-import-entities-only',
      comment: 'Relations go one way: entities that import each other crash when the modules are loaded.',
      severity: 'error',
      from: { path: ENTITY },
      to: { path: '^src/', pathNot: ENTITY, dependencyTypesNot: TYPE_ONLY },
    },
    {
      name: 'controllers-leave-data-to-services',
      severity: 'error',
      from: { path: '\\.(controller|resolver)\\.ts$' },
      to: { path: 'node_modules/(@nestjs/)?(typeorm|bullmq)/' },
    },
    {
      name: 'only-programs-import-root-modules',
      severity: 'error',
      from: { pathNot: [PROGRAMS, '^(test|scripts|bench)/'] },
      to: { path: '^src/[^/]+\\.module\\.ts$' },
    },
    {
      name: 'only-worker-modules-import-handlers',
      comment: 'A feature lists its handlers in its worker module.',
      severity: 'error',
      from: { pathNot: ['-worker\\.module\\.ts$', '^test/', SPEC] },
      to: { path: '\\.handler\\.ts$', dependencyTypesNot: TYPE_ONLY },
    },
    {
      name: 'worker-without-http',
      comment: 'The worker starts without the routes of features and without signing keys.',
      severity: 'error',
      from: { path: '^src/worker\\.ts$' },
      to: {
        path: '^src/(?!platform/).*(\\.(controller|resolver|graphql)|-http\\.module)\\.ts$|^src/(auth/keys|platform/graphql)/',
        reachable: true,
      },
    },
    {
      name: 'sources-need-no-tests',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: SPEC },
      to: { path: '^(test|scripts|bench)/' },
    },
    {
      name: 'production-needs-no-dev-dependency',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: SPEC },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: TYPE_ONLY },
    },
    {
      name: 'imports-exist',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-orphans',
      comment: 'No program gets here: a file that only tests use, or nobody.',
      severity: 'error',
      from: { path: PROGRAMS },
      to: {
        path: '^src/',
        pathNot: [SPEC, PROGRAMS, MIGRATION_STEPS, ...PAGES],
        reachable: false,
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Otherwise imports of types are not seen at all.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
