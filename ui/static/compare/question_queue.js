// The next pairs, fetched ahead, so that an answer is followed by the next pair at once.

const AHEAD = 3;
const MOST = 10; // what the server hands out at once

export class QuestionQueue {
  /**
   * `fetchQuestions(limit)` resolves to {state, questions, progress}; `onProgress` is called with each progress.
   * `pending()` gives the comparisons whose answers are on their way (the outbox knows them): the server still hands
   * these out, so that many more are asked for, and they are not shown. `ahead()`: how many to have ready.
   */
  constructor(fetchQuestions, onProgress = () => {}, { pending = () => [], ahead = () => AHEAD } = {}) {
    Object.assign(this, { fetchQuestions, onProgress, pending, ahead });
    this.waiting = [];
    this.answered = new Set(); // an answer on its way may still be handed out by a request that overtook it
    this.settled = new Set(); // those of them that the server has
    this.filling = null;
    this.shown = null;
  }

  /** The next pair that is here already, to be shown, or null. */
  take() {
    this.shown = this.waiting.shift() ?? null;
    return this.shown;
  }

  /** Never hand this pair out again, unless the server does after it has the answer, or it is reopened. */
  close({ comparison }) {
    this.answered.add(comparison);
    this.waiting = this.waiting.filter((each) => each.comparison !== comparison);
  }

  /** The server has the answer: where it hands the pair out from now on, it was taken back in another tab. */
  settle(comparison) {
    this.settled.add(comparison);
  }

  /** The answer was not taken: this pair is asked again. */
  again(comparison) {
    this.answered.delete(comparison);
    this.settled.delete(comparison);
  }

  /** Put a pair that waits before all others. */
  first(comparison) {
    const rank = (each) => (each.comparison === comparison ? 0 : 1);
    this.waiting.sort((one, other) => rank(one) - rank(other));
  }

  /** Show a pair that was taken back; the one on the screen comes next. */
  reopen(question) {
    this.again(question.comparison);
    const rest = [this.shown, ...this.waiting].filter((each) => each && each.comparison !== question.comparison);
    this.waiting = rest;
    this.shown = question;
    return question;
  }

  /** Fetch pairs, one request at a time; asking meanwhile makes one more. Resolves to the state that the server named. */
  fill() {
    if (this.filling) this.more = true;
    this.filling ??= this.fetchUntilFresh().finally(() => (this.filling = null));
    return this.filling;
  }

  async fetchUntilFresh() {
    let state;
    do {
      this.more = false;
      state = await this.fetchMore();
    } while (this.more);
    return state;
  }

  async fetchMore() {
    const pending = [...this.pending()]; // as it was before the server looked
    const settled = [...this.settled];
    const answer = await this.fetchQuestions(Math.min(this.ahead() + pending.length, MOST));
    for (const comparison of settled) this.again(comparison);
    const closed = new Set([...this.answered, ...pending, this.shown?.comparison]);
    const fresh = answer.questions.filter((question) => !closed.has(question.comparison));
    const known = new Map(fresh.map((question) => [question.comparison, question]));
    // One that waits already keeps its place, with what the server says of it now.
    this.waiting = this.waiting.map((each) => known.get(each.comparison) ?? each);
    const waiting = new Set(this.waiting.map((each) => each.comparison));
    this.waiting.push(...fresh.filter((question) => !waiting.has(question.comparison)));
    this.onProgress(answer.progress);
    return answer.state;
  }
}
