import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  PersonalDataModule,
  type PersonalDataTable,
} from '../platform/personal-data/personal-data.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { PermissionsModule } from '../platform/security/permissions.ts';
import { type AuditEventType, AuditEventTypes } from './audit-event-types.ts';
import { AuditEvent } from './audit-event.entity.ts';
import { auditRead, AuditService } from './audit.service.ts';

/** Omits the IP address and user agent of an administrator who acted on the account. */
const auditEvents: PersonalDataTable = {
  table: 'audit_events',
  exported: {
    file: 'audit-events',
    columns: `type, CASE WHEN actor_id IS NULL OR actor_id = $1 THEN ip_address END AS ip_address,
      CASE WHEN actor_id IS NULL OR actor_id = $1 THEN user_agent END AS user_agent, data, created_at`,
    where: `user_id = $1`,
  },
  erased: { kept: 'The audit trail must stay complete. It contains IP addresses, but no email.' },
};

@Module({
  imports: [
    TypeOrmModule.forFeature([AuditEvent]),
    PersonalDataModule.forFeature([auditEvents]),
    PermissionsModule.forFeature([auditRead]),
  ],
  providers: [AuditService, AuditEventTypes],
  exports: [AuditService, AuditEventTypes],
})
export class AuditModule {
  /** For the feature that records events of these types. */
  static forFeature(types: AuditEventType[]): DynamicModule {
    return registerIn(AuditFeatureModule, AuditEventTypes, types);
  }
}

@Module({ imports: [AuditModule], exports: [AuditModule] })
class AuditFeatureModule {}
