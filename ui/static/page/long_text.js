// A text of any length in pieces, so that the browser lays out only those that are seen.

const PIECE_CHARACTERS = 4_000;

/**
 * A text cut after the line, else the word, that ends within each PIECE_CHARACTERS; nothing is left out. Where there is
 * neither, between two characters, never inside one. Each piece begins a line of its own on the screen.
 */
export function inPieces(text, most = PIECE_CHARACTERS) {
  const pieces = [];
  for (let from = 0; from < text.length; ) {
    let to = from + most;
    if (to < text.length) {
      const piece = text.slice(from, to);
      const end = Math.max(piece.lastIndexOf("\n"), piece.lastIndexOf("\n") < 0 ? piece.lastIndexOf(" ") : 0) + 1;
      if (end > 1) to = from + end;
      while (to < text.length && to > from + 1 && !isStart(text, to)) to--;
    }
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

/** Whether a character begins here: not the second half of a pair, nor a mark or joiner that belongs to the one before. */
function isStart(text, place) {
  const half = text[place] >= "\udc00" && text[place] <= "\udfff";
  return !half && !/^[\p{M}\u200d]/u.test(text.slice(place, place + 2));
}
