import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateWebhooks1764100000000 implements MigrationInterface {
  name = 'CreateWebhooks1764100000000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE webhook_endpoints (
        id uuid NOT NULL,
        user_id uuid NOT NULL,
        url text NOT NULL,
        event_types text[] NOT NULL,
        description text NOT NULL DEFAULT '',
        enabled boolean NOT NULL DEFAULT true,
        disabled_reason text,
        scope text NOT NULL DEFAULT 'own',
        secret text NOT NULL,
        previous_secret text,
        previous_secret_expires_at timestamptz(3),
        failing_since timestamptz(3),
        deleted_at timestamptz(3),
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id),
        CONSTRAINT webhook_endpoints_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT webhook_endpoints_scope_check CHECK (scope IN ('own', 'all')),
        CONSTRAINT webhook_endpoints_disabled_reason_check CHECK (disabled_reason IN ('gone', 'failing', 'access-reset', 'backlog'))
      )`);
    await db.query(
      `CREATE INDEX webhook_endpoints_user_id_idx ON webhook_endpoints (user_id, created_at, id)`,
    );
    // Read at every event: few endpoints receive the events of all users.
    await db.query(`CREATE INDEX webhook_endpoints_scope_idx ON webhook_endpoints (id) WHERE scope = 'all'`);

    await db.query(`
      CREATE TABLE webhook_deliveries (
        id uuid NOT NULL,
        endpoint_id uuid NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        subject_id uuid,
        payload text NOT NULL,
        correlation_id text NOT NULL,
        traceparent text,
        status text NOT NULL DEFAULT 'pending',
        is_ready boolean NOT NULL DEFAULT true,
        leased_until timestamptz(3),
        lease_token uuid,
        attempts integer NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0,
        last_status_code integer,
        last_duration_ms integer,
        last_error text,
        next_attempt_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        delivered_at timestamptz(3),
        CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
        CONSTRAINT webhook_deliveries_endpoint_id_event_id_key UNIQUE (endpoint_id, event_id),
        CONSTRAINT webhook_deliveries_endpoint_id_fkey
          FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
        -- Deleting a user also deletes the events about that user that an admin receives.
        CONSTRAINT webhook_deliveries_subject_id_fkey
          FOREIGN KEY (subject_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT webhook_deliveries_status_check CHECK (status IN ('pending', 'delivered', 'failed'))
      )`);
    await db.query(
      `CREATE INDEX webhook_deliveries_endpoint_id_idx ON webhook_deliveries (endpoint_id, created_at, id)`,
    );
    await db.query(
      `CREATE INDEX webhook_deliveries_status_idx ON webhook_deliveries (endpoint_id, status, created_at, id)`,
    );
    await db.query(`CREATE INDEX webhook_deliveries_subject_id_idx ON webhook_deliveries (subject_id)`);
    await db.query(`CREATE INDEX webhook_deliveries_created_at_idx ON webhook_deliveries (created_at)`);
    // A claim reads only deliveries that are ready, become ready or are in flight, and no other row of a backlog.
    await db.query(
      `CREATE INDEX webhook_deliveries_ready_idx ON webhook_deliveries (endpoint_id, next_attempt_at, id)
       WHERE status = 'pending' AND is_ready`,
    );
    await db.query(
      `CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (coalesce(leased_until, next_attempt_at))
       WHERE status = 'pending' AND NOT is_ready`,
    );
    await db.query(
      `CREATE INDEX webhook_deliveries_leased_idx ON webhook_deliveries (leased_until, endpoint_id)
       WHERE leased_until IS NOT NULL`,
    );
    // For the limit of pending pings.
    await db.query(
      `CREATE INDEX webhook_deliveries_ping_idx ON webhook_deliveries (endpoint_id)
       WHERE status = 'pending' AND event_type = 'ping'`,
    );

    await db.query(`
      CREATE TABLE webhook_attempts (
        id uuid NOT NULL,
        delivery_id uuid NOT NULL,
        status_code integer,
        duration_ms integer NOT NULL,
        error text,
        response text NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT webhook_attempts_pkey PRIMARY KEY (id),
        CONSTRAINT webhook_attempts_delivery_id_fkey
          FOREIGN KEY (delivery_id) REFERENCES webhook_deliveries (id) ON DELETE CASCADE
      )`);
    await db.query(
      `CREATE INDEX webhook_attempts_delivery_id_idx ON webhook_attempts (delivery_id, created_at, id)`,
    );
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP TABLE webhook_attempts`);
    await db.query(`DROP TABLE webhook_deliveries`);
    await db.query(`DROP TABLE webhook_endpoints`);
  }
}
