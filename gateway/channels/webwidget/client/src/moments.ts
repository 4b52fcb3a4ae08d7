// Days, times and sizes as the visitor's language writes them.

const DAY_MS = 86_400_000;

export interface Moments {
  /** `14:05` */
  time(iso: string): string;
  /** `today`, `yesterday`, `Monday, 23 November` */
  day(iso: string): string;
  /** `4.2 MB` */
  size(bytes: number): string;
}

export function moments(lang: string, now: () => Date = () => new Date()): Moments {
  let locale = "en";
  try {
    locale = Intl.getCanonicalLocales(lang.replace("_", "-"))[0]!;
  } catch {
    // a page may say any language; what Intl cannot read is English
  }
  const format = (date: Date, as: Intl.DateTimeFormatOptions): string => date.toLocaleString(locale, as);
  return {
    time: (iso) => format(new Date(iso), { hour: "numeric", minute: "2-digit" }),
    day(iso) {
      const date = new Date(iso);
      const days = Math.round((midnight(date) - midnight(now())) / DAY_MS);
      return days === 0 || days === -1
        ? new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day")
        : format(date, { weekday: "long", day: "numeric", month: "long" });
    },
    size(bytes) {
      const [amount, unit] = bytes < 1e6 ? [Math.ceil(bytes / 1e3), "kilobyte"] : [bytes / 1e6, "megabyte"];
      return amount.toLocaleString(locale, { style: "unit", unit, maximumSignificantDigits: 2 });
    },
  };
}

function midnight(date: Date): number {
  return new Date(date).setHours(0, 0, 0, 0);
}
