// A question is held for the person for a while; as long as it is on the screen, it is held longer.

const MOST_SECONDS = 240;
const LEAST_SECONDS = 20;

export class Lease {
  /** `renew(comparison)` resolves to {expires_at}, null where another person has it; then `onLost()` is told. */
  constructor({ renew, onLost, clock = () => Date.now() }) {
    Object.assign(this, { renew, onLost, clock });
  }

  /** Hold this question from now on, in place of the one before. */
  hold(question) {
    this.drop();
    this.question = question;
    if (question?.expires_at) this.wait(question.expires_at);
  }

  drop() {
    clearTimeout(this.timer);
    this.question = null;
  }

  wait(until) {
    const { question } = this;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(question), 1000 * secondsToRenewal(until, this.clock()));
  }

  async again(question) {
    let answer;
    try {
      answer = await this.renew(question.comparison);
    } catch {
      answer = { expires_at: new Date(this.clock() + 60_000).toISOString() }; // no answer: ask again soon
    }
    if (this.question !== question) return;
    if (answer.expires_at === null) this.onLost();
    else this.wait(answer.expires_at);
  }
}

/** When to ask for more time: at half of what is left; soon where this computer's clock is wrong. */
export function secondsToRenewal(until, now) {
  const half = (Date.parse(until) - now) / 2000;
  return Math.min(Math.max(Number.isNaN(half) ? 0 : half, LEAST_SECONDS), MOST_SECONDS);
}
