// What is known of the ledger, and which of it is wanted on the page.

const ONE_SIDED = ['browser only', 'server only'];

export class Store {
  constructor(titles) {
    this.titles = titles;
    this.records = new Map(); // key → record
    this.groups = new Map(); // conversion → its records
    this.notices = [];
    this.text = '';
    this.verdict = '';
    this.platform = '';
    this.event = '';
  }

  // Takes in one message of the stream; the records that it brought and that were not known as they are.
  take(changes) {
    const before = this.records;
    this.records = new Map(changes.anew ? [] : before);
    for (const record of changes.conversions) this.records.set(record.key, record);
    for (const key of this.records.keys()) if (key < changes.oldest) this.records.delete(key);
    this.groups = grouped(this.records.values());
    this.notices = [...(changes.anew ? [] : this.notices), ...changes.notices].slice(-100);
    return changes.conversions.filter((record) => before.get(record.key)?.version !== record.version);
  }

  get platforms() {
    const present = new Set();
    for (const record of this.records.values()) present.add(record.platform);
    return Object.keys(this.titles).filter((kind) => present.has(kind));
  }

  // The names of the events there are, each once.
  get events() {
    return [...new Set([...this.groups.values()].map(nameOf))].sort();
  }

  // The wanted groups, newest first; of each what the wanted platform has of it.
  wanted() {
    const words = this.text.toLowerCase().split(/\s+/).filter(Boolean);
    const all = [...this.groups].filter(([, records]) => !this.event || nameOf(records) === this.event);
    const groups = all.map(([group, records]) => [group, records.filter((record) => !this.platform || record.platform === this.platform)]).filter(([, records]) => {
      if (!records.some((record) => hasVerdict(record, this.verdict))) return false;
      if (!words.length) return true;
      const text = records.map((record) => this.describe(record)).join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    });
    return groups.sort(([, one], [, other]) => other[0].key - one[0].key);
  }

  describe(record) {
    const halves = [record.browser, record.server].filter(Boolean);
    return [
      record.name, record.custom_name, record.event, record.id, record.platform, this.titles[record.platform], record.verdict, record.reason,
      ...halves.flatMap((half) => [half.id, half.order_id, half.value, half.account]),
    ].filter((part) => part !== null && part !== undefined).join(' ');
  }

  count(verdict, platform) {
    let found = 0;
    for (const record of this.records.values()) {
      if ((!platform || record.platform === platform) && hasVerdict(record, verdict)) found += 1;
    }
    return found;
  }

  counted(platform) {
    let sum = 0;
    for (const record of this.records.values()) if (record.platform === platform) sum += record.counted;
    return sum;
  }
}

export function hasVerdict(record, verdict) {
  if (!verdict) return true;
  if (verdict === 'uncertain') return !record.certain;
  return verdict === 'one-sided' ? ONE_SIDED.includes(record.verdict) : record.verdict === verdict;
}

function grouped(records) {
  const groups = new Map();
  for (const record of records) {
    if (!groups.has(record.group)) groups.set(record.group, []);
    groups.get(record.group).push(record);
  }
  return groups;
}

// What to call a conversion: the neutral name that any platform's record gives away.
export function nameOf(records) {
  const named = records.find((record) => record.name && record.name !== 'CustomEvent') || records.find((record) => record.custom_name || record.name);
  const first = named || records[0];
  const own = first.custom_name && first.name === 'CustomEvent' ? first.custom_name : null;
  return own || first.name || first.event || 'No name';
}
