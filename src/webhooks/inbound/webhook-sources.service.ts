import { Injectable } from '@nestjs/common';
import { AppleSource } from './apple.source.ts';
import { GithubSource } from './github.source.ts';
import { StandardSource } from './standard.source.ts';
import type { WebhookSource } from './webhook-source.ts';

/** Who may send us events. */
@Injectable()
export class WebhookSources {
  private readonly byName: ReadonlyMap<string, WebhookSource>;

  constructor(github: GithubSource, standard: StandardSource, apple: AppleSource) {
    const sources: WebhookSource[] = [github, standard, apple];
    this.byName = new Map(sources.map((source) => [source.name, source]));
  }

  /** Null for one that is unknown or has no settings. */
  find(name: string): WebhookSource | null {
    const source = this.byName.get(name);
    return source?.isConfigured ? source : null;
  }
}
