import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateUsersAndSessions1763800000000 implements MigrationInterface {
  name = 'CreateUsersAndSessions1763800000000';

  async up(db: QueryRunner): Promise<void> {
    // Times keep milliseconds, because a JavaScript Date and a cursor hold no more. Emails sort by their bytes on every
    // server, so that their unique index also serves the search by prefix.
    await db.query(`
      CREATE TABLE users (
        id uuid NOT NULL,
        email text COLLATE "C" NOT NULL,
        password_hash text,
        display_name text NOT NULL,
        locale text,
        role text NOT NULL DEFAULT 'user',
        status text NOT NULL DEFAULT 'active',
        email_verified_at timestamptz(3),
        imported_by_job_id uuid,
        avatar_file_id uuid, -- feature:storage
        unread_count integer NOT NULL DEFAULT 0, -- feature:notifications
        version integer NOT NULL DEFAULT 1,
        deleted_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT users_unread_count_check CHECK (unread_count >= 0), -- feature:notifications
        CONSTRAINT users_pkey PRIMARY KEY (id),
        CONSTRAINT users_email_key UNIQUE (email),
        CONSTRAINT users_role_check CHECK (role ~ '^[a-z][a-z0-9-]{0,31}$'),
        CONSTRAINT users_status_check CHECK (status IN ('active', 'suspended'))
      )`);
    await db.query(`CREATE INDEX users_created_at_idx ON users (created_at, id)`);
    await db.query(`CREATE INDEX users_status_idx ON users (status, created_at, id)`);
    await db.query(`CREATE INDEX users_role_idx ON users (role, created_at, id)`);
    // The words of name and email, without accents and without a dictionary of one language. The expression is the same
    // as in src/users/users.service.ts.
    // A search reads all changes that the index has not merged yet, so the index keeps at most 256 KB of them, not 4 MB.
    await db.query(`
      CREATE INDEX users_search_idx ON users USING gin ((
        setweight(to_tsvector('simple', regexp_replace(
          normalize(regexp_replace(normalize(lower(display_name), NFD), '[\\u0300-\\u036f]', '', 'g'), NFC),
          '[!-/:-@[-\`{-~]', ' ', 'g')), 'A')
        || to_tsvector('simple', regexp_replace(
          normalize(regexp_replace(normalize(email, NFD), '[\\u0300-\\u036f]', '', 'g'), NFC),
          '[!-/:-@[-\`{-~]', ' ', 'g'))
      )) WITH (gin_pending_list_limit = 256)`);
    await db.query(
      `CREATE INDEX users_avatar_file_id_idx ON users (avatar_file_id) WHERE avatar_file_id IS NOT NULL`,
    );
    // For the removal of accounts that were never verified.
    await db.query(`CREATE INDEX users_unverified_idx ON users (created_at) WHERE email_verified_at IS NULL`);

    await db.query(`
      CREATE TABLE sessions (
        id uuid NOT NULL,
        user_id uuid NOT NULL,
        user_agent text,
        ip_address text,
        salt bytea NOT NULL,
        rotation_counter integer NOT NULL DEFAULT 0,
        rotated_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        last_used_at timestamptz(3) NOT NULL DEFAULT now(),
        expires_at timestamptz(3) NOT NULL,
        revoked_at timestamptz(3),
        revoked_reason text,
        CONSTRAINT sessions_pkey PRIMARY KEY (id),
        CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
      )`);
    await db.query(`CREATE INDEX sessions_user_id_idx ON sessions (user_id, created_at, id)`);
    // For the list of a user's active sessions and the limit on their number: most rows are revoked.
    await db.query(
      `CREATE INDEX sessions_active_idx ON sessions (user_id, created_at, id) WHERE revoked_at IS NULL`,
    );
    await db.query(`CREATE INDEX sessions_expires_at_idx ON sessions (expires_at)`);
    // Every instance polls for revoked sessions several times a second.
    await db.query(
      `CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL`,
    );

    await db.query(`
      CREATE TABLE email_tokens (
        id uuid NOT NULL,
        user_id uuid NOT NULL,
        purpose text NOT NULL,
        email text NOT NULL,
        token_hash bytea NOT NULL,
        password_hash text,
        display_name text,
        expires_at timestamptz(3) NOT NULL,
        consumed_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT email_tokens_pkey PRIMARY KEY (id),
        CONSTRAINT email_tokens_token_hash_key UNIQUE (token_hash),
        CONSTRAINT email_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
      )`);

    await db.query(`CREATE INDEX email_tokens_user_id_idx ON email_tokens (user_id, purpose, created_at)`);
    await db.query(`CREATE INDEX email_tokens_expires_at_idx ON email_tokens (expires_at)`);

    await db.query(`
      CREATE TABLE mails (
        id uuid NOT NULL,
        user_id uuid NOT NULL,
        template text NOT NULL,
        recipient text NOT NULL,
        encrypted_data text,
        expires_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        sent_at timestamptz(3),
        CONSTRAINT mails_pkey PRIMARY KEY (id),
        CONSTRAINT mails_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
      )`);
    await db.query(`CREATE INDEX mails_user_id_idx ON mails (user_id, template, created_at)`);
    await db.query(`CREATE INDEX mails_created_at_idx ON mails (created_at)`);
    // For the removal of mails that could not be sent: most rows are sent.
    await db.query(`CREATE INDEX mails_unsent_idx ON mails (created_at) WHERE sent_at IS NULL`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP TABLE mails`);
    await db.query(`DROP TABLE email_tokens`);
    await db.query(`DROP TABLE sessions`);
    await db.query(`DROP TABLE users`);
  }
}
