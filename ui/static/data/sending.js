// Sending a file of any size in pieces; what was sent stays when the connection breaks, and sending goes on from there.

import { RequestFailed } from "../page/http.js";

const TRIES = 4;
const WAIT_MILLISECONDS = 800;

/** Send what is missing of a file. `upload` is what the server knows of it; `told(upload)` after each piece. */
export async function sendRest(words, file, upload, pieceBytes, told, goesOn) {
  let known = upload;
  while (!known.whole && goesOn()) {
    const piece = file.slice(known.received, known.received + pieceBytes);
    known = await sendPiece(words, known.id, known.received, piece);
    told(known);
  }
  return known;
}

/** Send one piece, again where the network was in the way. */
async function sendPiece(words, id, at, piece) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await post(words, `/api/uploads/${id}/pieces?at=${at}`, piece);
    } catch (failure) {
      if (!(failure instanceof RequestFailed) || !failure.passing || attempt === TRIES) throw failure;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MILLISECONDS * attempt));
    }
  }
}

async function post(words, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      headers: { "content-type": "application/octet-stream" },
      body,
    });
  } catch {
    throw new RequestFailed(0, words("error.offline"));
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok)
    throw new RequestFailed(response.status, answer?.error ?? words("error.status", { status: response.status }));
  return answer;
}
