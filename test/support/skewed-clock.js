// Preloaded into a program: shifts its wall clock by CLOCK_SKEW_MS.
const skewMs = Number(process.env.CLOCK_SKEW_MS);
const now = Date.now;

globalThis.Date = class extends Date {
  constructor(...args) {
    if (args.length === 0) super(now() + skewMs);
    else super(...args);
  }

  static now() {
    return now() + skewMs;
  }
};
