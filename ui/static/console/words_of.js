// Words for what the server names by a code; where a language lacks it, the server's own English.

/** The reason of a step or of its being impossible: {code, numbers, reason}. */
export function reasonWords(tools, said) {
  const key = `reason.${said?.code}`;
  if (!said?.code || !tools.has(key)) return said?.reason ?? "";
  const { kind } = said.numbers;
  return tools.words(key, kind ? { ...said.numbers, kind: kindWords(tools, kind) } : said.numbers);
}

/** A kind of run. */
export function kindWords({ words, has }, kind) {
  return has(`kind.${kind}`) ? words(`kind.${kind}`) : kind;
}

/** What a run is doing now. */
export function phaseWords({ words, has }, phase) {
  return has(`phase.${phase}`) ? words(`phase.${phase}`) : (phase ?? "");
}
