// Milliseconds that a pair was visible: the time in another tab does not count.

export class VisibleTime {
  constructor(clock = () => performance.now()) {
    this.clock = clock;
    this.restart(true);
  }

  restart(visible) {
    this.gathered = 0;
    this.since = visible ? this.clock() : null;
  }

  visibility(visible) {
    if (visible && this.since === null) this.since = this.clock();
    if (!visible && this.since !== null) {
      this.gathered += this.clock() - this.since;
      this.since = null;
    }
  }

  milliseconds() {
    const running = this.since === null ? 0 : this.clock() - this.since;
    return Math.min(Math.round(this.gathered + running), 86_400_000);
  }
}
