/** The output of a running step. */
export interface Progress {
  /** Sets the note in the step's final line. The last call counts. */
  note(text: string): void;
  /** Draws a progress bar in a terminal. Otherwise prints a line at each quarter. */
  bar(done: number, total: number): void;
}

/** A failed expectation, with facts that help to find the cause. */
export class Failure extends Error {
  readonly facts: Record<string, string>;

  constructor(expected: string, got: string, facts: Record<string, string> = {}) {
    super(`expected ${expected}, got ${got}`);
    this.facts = { expected, got, ...facts };
  }
}

const BAR_WIDTH = 22;
const TITLE_WIDTH = 40;
const COLOURS = { green: 32, red: 31, dim: 2 };

/** Prints one line per step. Uses colours and redraws lines only in a terminal. */
export class Terminal {
  private readonly redraws = process.stdout.isTTY && process.env.TERM !== 'dumb';
  private readonly colours = this.redraws && !process.env.NO_COLOR;
  private readonly startedAt = performance.now();
  private steps = 0;
  private title = '';
  private stepStartedAt = 0;
  private quarter = 0;

  line(text = ''): void {
    process.stdout.write(`${text}\n`);
  }

  async step<T>(title: string, work: (progress: Progress) => Promise<T>): Promise<T> {
    this.steps += 1;
    this.title = title;
    this.stepStartedAt = performance.now();
    this.quarter = 0;
    this.redraw('');
    let note = '';
    try {
      const result = await work({
        note: (text) => (note = text),
        bar: (done, total) => this.bar(done, total),
      });
      this.finish('✓', 'green', note);
      return result;
    } catch (error) {
      if (error instanceof Failure) throw error;
      // Most likely the response has an unexpected shape.
      throw new Failure('a response that matches the API document', String(error));
    }
  }

  /** Shows why the step is waiting, for example for a rate limit. */
  waiting(text: string): void {
    if (this.redraws) this.redraw(text);
    else this.line(`       ${text}`);
  }

  passed(): void {
    const seconds = ((performance.now() - this.startedAt) / 1000).toFixed(1);
    this.line();
    this.line(this.paint('green', `All ${this.steps} steps passed in ${seconds} s`));
  }

  /** Ends the current step and prints the facts of the failure. */
  failed(failure: Failure, context: Record<string, string>): void {
    if (this.title) this.finish('✗', 'red', '');
    this.line();
    for (const [name, value] of Object.entries({ ...failure.facts, ...context })) {
      this.line(`    ${name.padEnd(14)} ${value.replaceAll('\n', `\n${' '.repeat(19)}`)}`);
    }
  }

  private finish(mark: string, colour: keyof typeof COLOURS, note: string): void {
    if (this.redraws) process.stdout.write('\r\x1b[K');
    const time = duration(performance.now() - this.stepStartedAt).padStart(8);
    const head = `${this.numbered(this.paint(colour, mark))} ${this.paint('dim', time)}`;
    this.line(note ? `${head}  ${this.paint('dim', note)}` : head);
    this.title = '';
  }

  private bar(done: number, total: number): void {
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const percent = `${Math.floor(share * 100)} %`;
    if (this.redraws) {
      const full = Math.round(share * BAR_WIDTH);
      this.redraw(`${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${percent}`);
      return;
    }
    const quarter = Math.floor(share * 4);
    if (quarter > this.quarter) this.line(`       ${percent}`);
    this.quarter = Math.max(quarter, this.quarter);
  }

  /** Cut to the width of the terminal, because a wrapped line can't be redrawn. */
  private redraw(text: string): void {
    if (!this.redraws) return;
    const line = `${this.numbered('…')} ${text}`.slice(0, (process.stdout.columns || 80) - 1);
    process.stdout.write(`\r\x1b[K${line}`);
  }

  private numbered(mark: string): string {
    return `  ${mark} ${String(this.steps).padStart(2)}  ${this.title.padEnd(TITLE_WIDTH)}`;
  }

  private paint(colour: keyof typeof COLOURS, text: string): string {
    return this.colours ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
  }
}

function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
