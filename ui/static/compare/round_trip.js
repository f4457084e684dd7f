// How long an answer takes to be saved, and whether that is too long to wait for.

const SLOW_MILLISECONDS = 60; // above, people feel the wait; measured: key to next pair 35 ms while waiting on loopback
const FAST_MILLISECONDS = 45; // below the other, so that a link between the two does not flicker
const REMEMBERED = 9;

export class RoundTrip {
  constructor() {
    this.recent = [];
    this.slow = false;
  }

  /** Note the milliseconds that one answer took. */
  note(milliseconds) {
    this.recent = [...this.recent, milliseconds].slice(-REMEMBERED);
    this.slow = this.median > (this.slow ? FAST_MILLISECONDS : SLOW_MILLISECONDS);
  }

  /** The median of the last few, in milliseconds; 0 before the first. */
  get median() {
    const sorted = [...this.recent].sort((one, other) => one - other);
    const middle = Math.floor(sorted.length / 2);
    return sorted.length % 2 ? sorted[middle] : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  }
}
