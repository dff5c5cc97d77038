import { type DynamicModule, Injectable, Module } from '@nestjs/common';
import { Registry, registerIn } from '../registry/registry.ts';

/** Which rows of a table the hourly purge removes. Declared by the feature that owns the table. */
export interface RetentionRule {
  readonly table: string;
  /** SQL condition. It needs an index: the purge must not read the rows that it keeps. */
  readonly expired: string;
}

@Injectable()
export class RetentionRules extends Registry<RetentionRule> {
  protected keyOf({ table }: RetentionRule): string {
    return table;
  }
}

@Module({ providers: [RetentionRules], exports: [RetentionRules] })
export class RetentionModule {
  static forFeature(rules: RetentionRule[]): DynamicModule {
    return registerIn(RetentionFeatureModule, RetentionRules, rules);
  }
}

@Module({ imports: [RetentionModule] })
class RetentionFeatureModule {}
