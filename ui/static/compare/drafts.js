// What a person has begun and not submitted: kept in this browser over a reload, a lost lease, a killed tab.

const MOST_DRAFTS = 50;
const MOST_CHARACTERS = 1_000_000; // of all drafts together: the storage holds about five million
const OLDEST_MILLISECONDS = 14 * 24 * 3_600_000;

export class Drafts {
  /** `place` names the study and the person, as in the outbox: nobody sees another's draft. */
  constructor(storage, place, clock = () => Date.now()) {
    Object.assign(this, { storage, clock });
    this.prefix = `tastemaker:draft:${place}:`;
    this.prune();
  }

  /** Keep the state of a comparison's draft (anything that JSON holds); the oldest go where there is no room. */
  keep(comparison, draft) {
    const text = JSON.stringify({ at: this.clock(), draft });
    if (text.length > MOST_CHARACTERS) return;
    try {
      this.storage.setItem(this.prefix + comparison, text);
    } catch {
      return; // no room: the draft lives on the page alone
    }
    this.prune();
  }

  /** The draft of a comparison, or null. */
  of(comparison) {
    return this.read(this.prefix + comparison)?.draft ?? null;
  }

  /** Forget the draft of a comparison: it was submitted or given up. */
  drop(comparison) {
    this.storage.removeItem(this.prefix + comparison);
  }

  prune() {
    const names = Array.from({ length: this.storage.length }, (_, place) => this.storage.key(place));
    const all = names
      .filter((name) => name?.startsWith(this.prefix))
      .map((name) => ({ name, at: this.read(name)?.at ?? 0, characters: this.storage.getItem(name)?.length ?? 0 }))
      .sort((one, other) => other.at - one.at);
    let characters = 0;
    all.forEach(({ name, at, characters: own }, place) => {
      characters += own;
      if (place >= MOST_DRAFTS || characters > MOST_CHARACTERS || at < this.clock() - OLDEST_MILLISECONDS)
        this.storage.removeItem(name);
    });
  }

  read(name) {
    try {
      return JSON.parse(this.storage.getItem(name));
    } catch {
      return null;
    }
  }
}
