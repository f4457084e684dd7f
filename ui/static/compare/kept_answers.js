// The answers of one person that are not saved yet, in the browser's storage: each under a name of its own, in order.
// Several tabs add and take away at the same time; no list is read, changed and written back.

export class KeptAnswers {
  /** `place` names the study and the person: nobody else's answers are ever read here. */
  constructor(storage, place, clock = () => Date.now()) {
    Object.assign(this, { storage, clock });
    this.prefix = `tastemaker:outbox:${place}:`;
    this.refusedPrefix = `tastemaker:refused:${place}:`;
    this.unstored = new Map(); // what the storage had no room for: it lives as long as the tab
    this.last = 0;
  }

  /** Keep an answer behind all that wait; says whether it would survive this tab. */
  add(answer) {
    this.last = Math.max(this.clock(), this.last + 1, this.newest() + 1);
    return this.write(`${this.prefix}${String(this.last).padStart(16, "0")}:${answer.key}`, answer);
  }

  /** What waits, oldest first: [{name, answer}]. */
  waiting() {
    return this.read(this.prefix)
      .map(([name, answer]) => ({ name, answer }))
      .filter(({ answer }) => answer?.key);
  }

  /** Whether an answer waits still. */
  has(key) {
    return this.waiting().some(({ answer }) => answer.key === key);
  }

  /** Take away what was saved. */
  remove(name) {
    this.unstored.delete(name);
    this.storage.removeItem(name);
  }

  /** Put an answer that the server refused for good aside, with the reason; it is not sent again by itself. */
  refuse(name, answer, { message, code = null, status = null }) {
    const at = new Date(this.clock()).toISOString();
    this.write(this.refusedPrefix + answer.key, { answer, reason: message, code, status, at });
    this.remove(name);
  }

  /** What was refused, oldest first: [{answer, reason, code, status, at}]. */
  refused() {
    return this.read(this.refusedPrefix)
      .map(([, record]) => record)
      .filter((record) => record?.answer)
      .sort((one, other) => (one.at < other.at ? -1 : 1));
  }

  /** Forget one that was refused: the person has read why. */
  forget(key) {
    this.remove(this.refusedPrefix + key);
  }

  newest() {
    const last = this.waiting().at(-1);
    return last ? Number(last.name.slice(this.prefix.length).split(":")[0]) : 0;
  }

  write(name, value) {
    try {
      this.storage.setItem(name, JSON.stringify(value));
      return true;
    } catch {
      this.unstored.set(name, value);
      return false;
    }
  }

  read(prefix) {
    const found = [...this.unstored].filter(([name]) => name.startsWith(prefix));
    for (let place = 0; place < this.storage.length; place++) {
      const name = this.storage.key(place);
      if (!name?.startsWith(prefix)) continue;
      try {
        found.push([name, JSON.parse(this.storage.getItem(name))]);
      } catch {
        // Not written by us: left alone.
      }
    }
    return found.sort(([one], [other]) => (one < other ? -1 : 1));
  }
}
