/** Parameters whose type is text, and which PostgreSQL refuses nevertheless when it does not know what is in it. */
import { catalogue } from "./catalogue";
import { readList } from "./lists";
import { nearest } from "./nearest";
import { eitherOf, oneOf } from "./sentences";

/** What is wrong with a value; undefined when nothing is. */
type Check = (text: string) => string | undefined;

const badList = "is not a list: write names with commas between them, those with blanks or commas in double quotes";

/** A list of names, each of which must be among these; any when there are none. */
const words =
  (known?: string[]): Check =>
  (text) => {
    const names = readList(text, "words");
    if (!names) return badList;
    const strange = known && names.find((name) => !known.includes(name));
    return strange === undefined ? undefined : `names '${strange}', which is not one of: ${known!.join(", ")}`;
  };

/** Libraries to load. A path is taken as it is: for libraries that somebody has put on the machines. */
const libraries =
  (known: string[]): Check =>
  (text) => {
    const names = readList(text, "files");
    if (!names) return badList;
    const strange = names.find((name) => !name.includes("/") && !known.includes(name.replace(/\.so$/, "")));
    if (strange === undefined) return undefined;
    return `names '${strange}', which is not a library of the machines; ${eitherOf(nearest(strange, known))}write the path of one, or remove it`;
  };

const one =
  (check: (text: string) => boolean, what: string, write: (text: string) => string): Check =>
  (text) =>
    check(text) ? undefined : `is '${text}', which is not ${what}; write ${write(text)}`;

/** A name of a zone, whatever its case; hours; an interval; or POSIX's way: a name and its distance from UTC. */
const zones = new Set(catalogue.timeZones.map((zone) => zone.toLowerCase()));
const zone = (numbers: boolean) =>
  one(
    (text) =>
      zones.has(text.toLowerCase()) ||
      /^(<[^>]+>|[^\d,+<'\s-][^\d,+'\s-]*)[+-]?\d{1,3}(?!\d)/.test(text) ||
      (numbers && /^\s*([+-]?(\d+\.?\d*|\.\d+)|interval\s*'.*')$/i.test(text)),
    "a time zone of the machines",
    (text) => oneOf(nearest(text, catalogue.timeZones), "a name of pg_timezone_names, as Europe/Berlin"),
  );

/** Codesets differ by case and punctuation only: C.UTF-8 is C.utf8. */
const sameLocale = (name: string) => name.replace(/\..*/, (codeset) => codeset.toLowerCase().replace(/[^a-z\d]/g, ""));
const locales = new Set(catalogue.locales.map(sameLocale));
const locale = one(
  (text) => locales.has(sameLocale(text)),
  "a locale of the machines",
  () => oneOf(catalogue.locales, ""),
);
/** Nothing stands for that of the server's environment. */
const localeOrNone: Check = (text) => (text === "" ? undefined : locale(text));

/** Punctuation and case of an encoding's name do not matter. */
const sameEncoding = (name: string) => name.toLowerCase().replace(/[^a-z\d]/g, "");
const encodings = new Set(catalogue.encodings.map(sameEncoding));

const plpgsqlChecks = words(["none", "all", "shadowed_variables", "strict_multi_assignment", "too_many_rows"]);

const dateWords = /^(iso|sql|postgres.*|german|ymd|dmy|euro.*|mdy|us|noneuro.*|default)$/;

/** By their names in lower case. */
export const texts: Record<string, Check> = {
  archive_library: libraries(catalogue.libraries),
  shared_preload_libraries: libraries(catalogue.libraries),
  session_preload_libraries: libraries(catalogue.libraries),
  // Those are taken from a folder of their own, which the machines do not have.
  local_preload_libraries: libraries([]),
  timezone: zone(true),
  log_timezone: zone(false),
  timezone_abbreviations: one(
    (text) => ["Default", "Australia", "India"].includes(text),
    "a set of abbreviations",
    () => "Default, Australia or India",
  ),
  lc_messages: locale,
  lc_monetary: localeOrNone,
  lc_numeric: localeOrNone,
  lc_time: localeOrNone,
  datestyle: (text) =>
    readList(text, "words")?.every((name) => dateWords.test(name))
      ? undefined
      : `is '${text}', which is not a date style; write one such as ISO, MDY`,
  log_destination: words(["stderr", "csvlog", "jsonlog", "syslog"]),
  createrole_self_grant: words(["set", "inherit"]),
  restrict_nonsystem_relation_kind: words(["view", "foreign-table"]),
  debug_io_direct: words(["data", "wal", "wal_init"]),
  search_path: words(),
  temp_tablespaces: words(),
  wal_consistency_checking: words("all heap heap2 btree hash gin gist sequence spgist brin generic".split(" ")),
  synchronized_standby_slots: (text) =>
    readList(text, "words")?.every((name) => /^[a-z\d_]{1,63}$/.test(name))
      ? undefined
      : `is '${text}', which is not a list of slots; write names of lower-case letters, digits and _ with commas between them`,
  backtrace_functions: one(
    (text) => /^[\w,\s]*$/.test(text),
    "a list of functions",
    () => "names with commas between them",
  ),
  client_encoding: one(
    (text) => encodings.has(sameEncoding(text)),
    "an encoding",
    (text) => oneOf(nearest(text, catalogue.encodings), "one such as UTF8 or LATIN1"),
  ),
  "plpgsql.extra_errors": plpgsqlChecks,
  "plpgsql.extra_warnings": plpgsqlChecks,
};
