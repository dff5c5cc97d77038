import { Injectable } from '@nestjs/common';
import { AppleSource } from './apple.source.ts';
import { GithubSource } from './github.source.ts';
import { StandardSource } from './standard.source.ts';
import type { WebhookSource } from './webhook-source.ts';

/** The configured sources. */
@Injectable()
export class WebhookSources {
  private readonly byName: ReadonlyMap<string, WebhookSource>;

  constructor(github: GithubSource, standard: StandardSource, apple: AppleSource) {
    const sources: WebhookSource[] = [github, standard, apple];
    this.byName = new Map(sources.map((source) => [source.name, source]));
  }

  /** Null if the source is unknown or not configured. */
  find(name: string): WebhookSource | null {
    const source = this.byName.get(name);
    return source?.isConfigured ? source : null;
  }
}
