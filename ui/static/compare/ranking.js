// A ranking of three to five responses while it is made: typed best to worst, dragged, or chosen by buttons.

export class Ranking {
  /** `order`: places (as shown) from best to worst; `ties[i]`: whether it ties with the one before. */
  constructor(candidates, { order = [], ties = [] } = {}) {
    this.candidates = candidates;
    this.order = [...order];
    this.ties = [...ties];
    this.tieNext = false;
    this.typed = []; // places in the order in which they were put in
  }

  /** A ranking from ranks as shown. */
  static of(ranks) {
    const order = ranks.map((_, place) => place).sort((one, other) => ranks[one] - ranks[other] || one - other);
    const ties = order.map((place, at) => at > 0 && ranks[order[at - 1]] === ranks[place]);
    return new Ranking(ranks.length, { order, ties });
  }

  get rest() {
    return Array.from({ length: this.candidates }, (_, place) => place).filter((place) => !this.order.includes(place));
  }

  get complete() {
    return this.order.length === this.candidates;
  }

  /** Put a response behind those that are ranked; says whether anything changed. */
  add(place) {
    if (this.order.includes(place)) return false;
    this.order.push(place);
    this.ties.push(this.tieNext && this.order.length > 1);
    this.typed.push(place);
    this.tieNext = false;
    return true;
  }

  /** "=": the next one typed ties with the one before; where all are ranked, the last one does, or no longer. */
  tie() {
    if (this.order.length === 0) return false;
    if (this.complete) return this.toggleTie(this.order.length - 1);
    this.tieNext = !this.tieNext;
    return true;
  }

  /** Turn ">" before the response at this rank into "=", and back. */
  toggleTie(at) {
    if (at < 1 || at >= this.order.length) return false;
    this.ties[at] = !this.ties[at];
    return true;
  }

  /** Take back what was typed last: a "=" that waits, else the last response. */
  back() {
    if (this.tieNext) {
      this.tieNext = false;
      return true;
    }
    return this.order.length > 0 && this.remove(this.order.at(-1));
  }

  remove(place) {
    const at = this.order.indexOf(place);
    if (at < 0) return false;
    this.order.splice(at, 1);
    this.ties.splice(at, 1);
    if (this.ties.length) this.ties[0] = false;
    return true;
  }

  /** Put a response at a rank (0 is the best), before the one that stands there now. */
  move(place, at) {
    const before = this.key();
    const from = this.order.indexOf(place);
    if (from >= 0) this.remove(place);
    else this.typed.push(place);
    const to = Math.min(from >= 0 && from < at ? at - 1 : at, this.order.length);
    this.order.splice(to, 0, place);
    this.ties.splice(to, 0, false);
    this.ties[0] = false;
    return this.key() !== before;
  }

  /** The rank of the response that stands here in the order: 1 best, equal for a tie. */
  rankAt(at) {
    return 1 + this.ties.slice(1, at + 1).filter((tied) => !tied).length;
  }

  /** Ranks as shown; null until all are ranked. */
  ranks() {
    if (!this.complete) return null;
    const ranks = [];
    this.order.forEach((place, at) => (ranks[place] = this.rankAt(at)));
    return ranks;
  }

  /** Do what an action of the board says; says whether that changed anything. */
  apply(action) {
    if (action === "rank_tie") return this.tie();
    if (action === "rank_back") return this.back();
    if (action.rank !== undefined) return this.add(action.rank);
    if (action.remove !== undefined) return this.remove(action.remove);
    if (action.tie_at !== undefined) return this.toggleTie(action.tie_at);
    return action.move !== undefined && this.move(action.move, action.to);
  }

  /** What a draft keeps of it. */
  kept() {
    return { order: [...this.order], ties: [...this.ties] };
  }

  key() {
    return JSON.stringify(this.kept());
  }

  /** "3 > 1 = 2". */
  text() {
    return this.order.map((place, at) => (at === 0 ? "" : this.ties[at] ? " = " : " > ") + (place + 1)).join("");
  }
}
