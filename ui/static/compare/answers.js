// Saving an answer: one at a time, under one key until it is saved, kept in this tab over a reload.

const WAITS_SECONDS = [1, 2, 4, 8, 15];

export class Answers {
  /**
   * `send(answer)` resolves once the server has saved it and rejects with {passing, message}.
   * `onWait(reason, seconds)` is told each second until the next try. `store` keeps the answer under `place`.
   */
  constructor({ send, onWait, store, place, seconds = 1000 }) {
    Object.assign(this, { send, onWait, store, place, seconds });
    this.saving = false;
    this.hurry = () => {};
  }

  /** The answer that an earlier visit to this tab could not save, or null. */
  kept() {
    try {
      return JSON.parse(this.store.getItem(this.place));
    } catch {
      return null;
    }
  }

  /** Save an answer, for as long as it takes. Rejects only where the server refuses it for good. */
  async save(answer) {
    this.saving = true;
    this.store.setItem(this.place, JSON.stringify(answer));
    try {
      for (let tries = 0; ; tries++) {
        try {
          const saved = await this.send(answer);
          this.store.removeItem(this.place);
          return saved;
        } catch (failure) {
          if (failure.status === 401) throw failure; // kept: the same tab may be let in again
          if (!failure.passing) {
            this.store.removeItem(this.place);
            throw failure;
          }
          await this.wait(failure.message, WAITS_SECONDS[Math.min(tries, WAITS_SECONDS.length - 1)]);
        }
      }
    } finally {
      this.saving = false;
    }
  }

  async wait(reason, seconds) {
    let hurried = false;
    for (let left = seconds; left > 0 && !hurried; left--) {
      this.onWait(reason, left);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, this.seconds);
        this.hurry = () => {
          hurried = true;
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.hurry = () => {};
  }
}
