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
    this.filling = null;
    this.shown = null;
  }

  /** The next pair that is here already, to be shown, or null. */
  take() {
    this.shown = this.waiting.shift() ?? null;
    return this.shown;
  }

  /** Never hand this pair out again, unless it is reopened. */
  close(question) {
    this.answered.add(question.comparison);
    this.waiting = this.waiting.filter((each) => each.comparison !== question.comparison);
  }

  /** Show a pair that was taken back; the one on the screen comes next. */
  reopen(question) {
    this.answered.delete(question.comparison);
    const rest = [this.shown, ...this.waiting].filter((each) => each && each.comparison !== question.comparison);
    this.waiting = rest;
    this.shown = question;
    return question;
  }

  /** Fetch pairs, one request at a time: what is asked meanwhile makes one more. Resolves to the state that the server named. */
  fill() {
    if (this.filling) this.again = true;
    this.filling ??= this.fetchUntilFresh().finally(() => (this.filling = null));
    return this.filling;
  }

  async fetchUntilFresh() {
    let state;
    do {
      this.again = false;
      state = await this.fetchMore();
    } while (this.again);
    return state;
  }

  async fetchMore() {
    const pending = [...this.pending()]; // as it was before the server looked
    const answer = await this.fetchQuestions(Math.min(this.ahead() + pending.length, MOST));
    const waiting = this.waiting.map((each) => each.comparison);
    const known = new Set([...waiting, ...this.answered, ...pending, this.shown?.comparison]);
    for (const question of answer.questions) if (!known.has(question.comparison)) this.waiting.push(question);
    this.onProgress(answer.progress);
    return answer.state;
  }
}
