// Runs in the compare page before its own scripts: when was each key pressed, the next pair painted, the answer saved?
// Moments are milliseconds of performance.now(), which the timeStamp of an event counts in as well.

{
  const presses = [];
  const sent = new Map(); // key of a judgment -> its press: judgments are first sent in the order in which they were made
  const plainFetch = window.fetch;
  let shown = null;
  let open = null;
  window.benchmarkPresses = presses;

  const prompt = () => {
    const node = document.querySelector(".tm-prompt-now");
    return node === null || node.closest("[hidden]") ? shown : node.textContent;
  };

  const changed = () => {
    const now = prompt();
    if (now === shown) return;
    shown = now;
    const press = open;
    open = null;
    // The first callback runs before the frame with the new pair is painted, the second after it.
    if (press) requestAnimationFrame(() => requestAnimationFrame(() => (press.painted = performance.now())));
  };

  new MutationObserver(changed).observe(document, {
    attributeFilter: ["hidden"],
    characterData: true,
    childList: true,
    subtree: true,
  });
  addEventListener("keydown", (event) => presses.push((open = { pressed: event.timeStamp })), true);

  window.fetch = async (input, init) => {
    const judgment = init?.method === "POST" && String(input.url ?? input).endsWith("/api/judgments");
    if (!judgment) return plainFetch(input, init);
    const { key } = JSON.parse(init.body);
    if (!sent.has(key)) sent.set(key, presses[sent.size]);
    const answer = await plainFetch(input, init);
    const press = sent.get(key);
    const whole = answer.clone().json();
    if (answer.ok) whole.then(() => (press.saved ??= performance.now())).catch(() => {});
    return answer;
  };
}
