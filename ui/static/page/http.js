// Requests to this server: JSON in and out, errors with words.

/**
 * What went wrong: `status` is 0 where there was no answer at all, `code` a name where the server gave one, `fields`
 * what is wrong with which field of a form.
 */
export class RequestFailed extends Error {
  constructor(status, words, code = null, fields = {}) {
    super(words);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }

  /** Whether sending the same again later can help. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Refusals that the server names and the page says in the reader's language (ui/web/errors.py, ui/web/refusals.py). */
const NAMED = new Set([
  "asked_changed",
  "incomplete",
  "locked",
  "log_in",
  "never_handed_out",
  "not_allowed",
  "other_person",
  "store_unavailable",
  "wrong_sides",
]);

/** What a refusal says: in the reader's language where the server names it, else in the server's words. */
function refusal(words, status, answer) {
  if (NAMED.has(answer?.code)) return words(`error.code.${answer.code}`);
  return answer?.error ?? words("error.status", { status });
}

/** Ask the server; rejects with RequestFailed. `words` turns a language key into words. */
export async function request(words, path, body = undefined, timeoutMilliseconds = 15000) {
  const options = { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(timeoutMilliseconds) };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new RequestFailed(0, words("error.offline"));
  }
  let answer = null;
  try {
    answer = await response.json();
  } catch {
    // An answer that is no JSON: its status says enough.
  }
  if (!response.ok)
    throw new RequestFailed(
      response.status,
      refusal(words, response.status, answer),
      answer?.code ?? null,
      answer?.fields ?? {},
    );
  if (answer === null) throw new RequestFailed(0, words("error.offline"));
  return answer;
}

/** A key that makes sending the same thing twice harmless. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
