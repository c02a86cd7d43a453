/** Numbers, money and dates as the host's user writes them. */

const FEWEST_DECIMALS_OF_A_DOLLAR = 2;
const MOST_DECIMALS_OF_A_DOLLAR = 4;

export class Format {
  private readonly locale: string | undefined;
  private readonly timeZone: string | undefined;

  /** A locale (BCP 47) or time zone (IANA) that the browser does not know counts as not given. */
  constructor(locale?: string, timeZone?: string) {
    this.locale = known(() => new Intl.NumberFormat(locale)) ? locale : undefined;
    this.timeZone = known(() => new Intl.DateTimeFormat(undefined, { timeZone })) ? timeZone : undefined;
  }

  seconds(seconds: number): string {
    const unit = { style: "unit", unit: "second", unitDisplay: "short", maximumFractionDigits: 0 } as const;
    return new Intl.NumberFormat(this.locale, unit).format(seconds);
  }

  /** A fraction, 0 to 1, rounded down: what is not done is not called done. */
  percent(fraction: number): string {
    const style = { style: "percent", maximumFractionDigits: 0 } as const;
    return new Intl.NumberFormat(this.locale, style).format(Math.floor(fraction * 100) / 100);
  }

  dollars(amount: number): string {
    const style = {
      style: "currency",
      currency: "USD",
      minimumFractionDigits: FEWEST_DECIMALS_OF_A_DOLLAR,
      maximumFractionDigits: MOST_DECIMALS_OF_A_DOLLAR,
    } as const;
    return new Intl.NumberFormat(this.locale, style).format(amount);
  }

  date(moment: Date): string {
    const style = { dateStyle: "medium", timeStyle: "short", timeZone: this.timeZone } as const;
    return new Intl.DateTimeFormat(this.locale, style).format(moment);
  }
}

function known(attempt: () => unknown): boolean {
  try {
    return Boolean(attempt());
  } catch {
    return false;
  }
}
