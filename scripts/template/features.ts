/** A feature that `npm run remove:feature` can remove. */
export interface Feature {
  /** Globs of the files that belong to the feature. The code that uses them is found by its imports. */
  files: string[];
  /** Names that only this feature has: settings, error codes, operations, tables. */
  names?: RegExp;
  /** Texts in strings of code that only this feature has, such as routes. */
  strings?: RegExp;
  /** Rows and list items of the documents that mention it. */
  docs: RegExp;
  /** Packages that no source names. */
  packages?: string[];
  /** Scripts in package.json and the checks that run them. */
  scripts?: string[];
}

export const features: Record<string, Feature> = {
  webhooks: {
    files: [
      'src/webhooks/**',
      'src/platform/config/webhook-settings*.ts',
      'src/platform/openapi/webhook-events.ts',
      'migrations/*webhooks.ts',
      'test/**/*webhook*.ts',
      'test/support/receiver.ts',
      'scripts/{dev-,demo/}webhook*.ts',
      'docs/{guides,runbooks}/*webhook*.md',
      'docker/observability/grafana/dashboards/webhooks.json',
      'docs/decisions/{0014,0023}-*.md',
    ],
    names: /webhook/i,
    strings: /webhook/i,
    docs: /webhook/i,
  },
  notifications: {
    files: [
      'src/notifications/**',
      'src/reference-client/page/notification*.ts',
      'bench/streams.ts',
      'migrations/*notifications.ts',
      'test/**/*notification*.ts',
      'scripts/demo/**/*notification*.{ts,graphql}',
      'docs/guides/notify-users.md',
      'docs/decisions/{0012,0061}-*.md',
    ],
    names:
      /^(Notifications?|notifications?|watchNotifications|unreadCount|markNotification\w*|listNotifications|streamNotifications|receiveNotification|queryNotifications|notificationAdded)$/,
    strings:
      /v1\/notifications|^Notifications?$|unread_count|notification-added|Receive (the notification|it with GraphQL)|Notifications\d|notifications\.service|notify-users|Types of notifications/,
    docs: /notification/i,
  },
  storage: {
    files: [
      'src/files/**',
      'src/users/avatar/**',
      'src/platform/config/file-settings*.ts',
      'src/reference-client/page/avatar.ts',
      'migrations/*files.ts',
      'test/**/*{file,storage,upload,avatar}*.ts',
      'test/support/{receipts,s3/*}.ts',
      'scripts/demo/avatar.ts',
      'docs/guides/upload-files.md',
      'docs/decisions/{0053,0054,0063}-*.md',
    ],
    names: /^(FILES_\w+|avatar\w*|SetAvatar|setAvatar\w*|useAvatar|uploadFile|createFile)$/,
    strings: /v1\/files|avatar|FILES_|^files$/,
    docs: /avatar|(?<!_)files_|\bfiles : uploads|v1\/files|uploadFile|upload-files|\bS3\b|\bbucket|src\/files|file storage|storage on disk|S3_PORT/i,
    packages: ['aws4fetch', 'file-type', '@20minutes/s3rver'],
  },
  apple: {
    files: [
      'src/auth/oauth/providers/apple.provider.ts',
      'src/auth/oauth/apple-events.service.ts',
      'src/webhooks/inbound/apple.source.ts',
      'src/platform/config/apple-settings.spec.ts',
      'test/**/*apple*.ts',
    ],
    names: /^(apple([A-Z]\w*)?|\w*Apple([A-Z]\w*)?|APPLE_\w+|handleProviderFormCallback)$/,
    strings: /^Apple$|\/apple\b|^apple$|^oauth-apple/,
    docs: /\bapple\b/i,
  },
  dashboard: {
    files: [
      'src/dashboard/**',
      'test/**/dashboard*.ts',
      'docs/guides/watch-the-queues.md',
      'docs/decisions/0015-*.md',
    ],
    strings: /admin\/queues|dashboard/,
    docs: /src\/dashboard|queue dashboard|dashboard cookie|watch-the-queues|admin\/queues/i,
    packages: ['@bull-board/api', '@bull-board/fastify', '@bull-board/ui'],
  },
  graphql: {
    files: [
      'src/platform/graphql/**',
      'src/**/*.{graphql,resolver}.ts',
      'test/**/*graphql*.ts',
      'scripts/**/*graphql*',
      'schema.graphql',
      'docs/releases/schema.graphql',
      'docs/guides/graphql.md',
      'docs/decisions/{0038,0039}-*.md',
    ],
    names: /graphql/i,
    strings: /graphql|graphiql|trusted-documents/i,
    packages: ['react', 'react-dom', 'graphiql'],
    docs: /graphql|graphiql|BookmarksResolver/i,
    scripts: ['graphql-schema', 'graphql-documents'],
  },
  'reference-client': {
    files: ['src/reference-client/**', 'test/**/reference-client*.ts'],
    names: /^REFERENCE_CLIENT$|ReferenceClient/,
    strings: /reference-client/,
    docs: /(?<![\w-])reference[- ]client|REFERENCE_CLIENT/i,
  },
  imports: {
    files: [
      'src/users/imports/**',
      'src/reference-client/page/import-panel.ts',
      'test/**/*import*.ts',
      'scripts/demo/{import,csv}.ts',
      'docs/decisions/0008-*.md',
    ],
    names: /^(userImport|usersImport$|importUsers|startUserImport|UserImport)/,
    strings: /users\/imports|user-import/,
    docs: /users\/imports|user-import|importUsers|CSV import|Bulk import|\b(an|the|\d) imports?\b(?! map)/i,
  },
};
