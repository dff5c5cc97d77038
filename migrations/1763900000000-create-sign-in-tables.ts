import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSignInTables1763900000000 implements MigrationInterface {
  name = 'CreateSignInTables1763900000000';

  async up(db: QueryRunner): Promise<void> {
    // No foreign keys: an audit event outlives the account.
    await db.query(`
      CREATE TABLE audit_events (
        id uuid NOT NULL,
        type text NOT NULL,
        user_id uuid,
        actor_id uuid,
        ip_address text,
        user_agent text,
        correlation_id text,
        data jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT audit_events_pkey PRIMARY KEY (id)
      )`);
    // For an admin's list: all, by type, by user, by both.
    await db.query(`CREATE INDEX audit_events_created_at_idx ON audit_events (created_at, id)`);
    await db.query(`CREATE INDEX audit_events_type_idx ON audit_events (type, created_at, id)`);
    await db.query(`CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, created_at, id)`);
    await db.query(
      `CREATE INDEX audit_events_user_id_type_idx ON audit_events (user_id, type, created_at, id)`,
    );
    // Append-only, also against a mistake in this application.
    await db.query(`
      CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
      END $$`);
    await db.query(`
      CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()`);

    await db.query(`
      CREATE TABLE identities (
        id uuid NOT NULL,
        user_id uuid NOT NULL,
        provider text NOT NULL,
        subject text NOT NULL,
        email text,
        email_muted boolean NOT NULL DEFAULT false,
        email_muted_changed_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT identities_pkey PRIMARY KEY (id),
        CONSTRAINT identities_provider_subject_key UNIQUE (provider, subject),
        CONSTRAINT identities_user_id_provider_key UNIQUE (user_id, provider),
        CONSTRAINT identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
      )`);
    await db.query(`
      CREATE TABLE oauth_attempts (
        id uuid NOT NULL,
        provider text NOT NULL,
        state_hash bytea NOT NULL,
        browser_hash bytea NOT NULL,
        code_verifier text NOT NULL,
        nonce text NOT NULL,
        return_to text NOT NULL,
        link_session_id uuid,
        expires_at timestamptz(3) NOT NULL,
        CONSTRAINT oauth_attempts_pkey PRIMARY KEY (id),
        CONSTRAINT oauth_attempts_state_hash_key UNIQUE (state_hash),
        CONSTRAINT oauth_attempts_link_session_id_fkey FOREIGN KEY (link_session_id) REFERENCES sessions (id) ON DELETE CASCADE
      )`);
    await db.query(`CREATE INDEX oauth_attempts_link_session_id_idx ON oauth_attempts (link_session_id)`);
    await db.query(`CREATE INDEX oauth_attempts_expires_at_idx ON oauth_attempts (expires_at)`);
    await db.query(`
      CREATE TABLE oauth_codes (
        id uuid NOT NULL,
        code_hash bytea NOT NULL,
        browser_hash bytea NOT NULL,
        user_id uuid NOT NULL,
        provider text NOT NULL,
        expires_at timestamptz(3) NOT NULL,
        CONSTRAINT oauth_codes_pkey PRIMARY KEY (id),
        CONSTRAINT oauth_codes_code_hash_key UNIQUE (code_hash),
        CONSTRAINT oauth_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
      )`);
    await db.query(`CREATE INDEX oauth_codes_user_id_idx ON oauth_codes (user_id)`);
    await db.query(`CREATE INDEX oauth_codes_expires_at_idx ON oauth_codes (expires_at)`);

    await db.query(`
      CREATE TABLE sign_in_throttles (
        key_hash bytea NOT NULL,
        account_hash bytea NOT NULL,
        failures integer NOT NULL,
        blocked_until timestamptz(3),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT sign_in_throttles_pkey PRIMARY KEY (key_hash)
      )`);
    await db.query(`CREATE INDEX sign_in_throttles_account_hash_idx ON sign_in_throttles (account_hash)`);
    await db.query(`CREATE INDEX sign_in_throttles_updated_at_idx ON sign_in_throttles (updated_at)`);
    // Unlogged, because the counters live for a minute and may be lost in a crash.
    await db.query(`
      CREATE UNLOGGED TABLE rate_limits (
        key text NOT NULL,
        points integer NOT NULL DEFAULT 0,
        expire bigint,
        CONSTRAINT rate_limits_pkey PRIMARY KEY (key)
      )`);
    await db.query(`CREATE INDEX rate_limits_expire_idx ON rate_limits (expire)`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP TABLE rate_limits`);
    await db.query(`DROP TABLE sign_in_throttles`);
    await db.query(`DROP TABLE oauth_codes`);
    await db.query(`DROP TABLE oauth_attempts`);
    await db.query(`DROP TABLE identities`);
    await db.query(`DROP TABLE audit_events`);
    await db.query(`DROP FUNCTION refuse_change()`);
  }
}
