// Words for kinds of runs and what they are doing; where a language lacks them, the server's own.

/** A kind of run. */
export function kindWords({ words, has }, kind) {
  return has(`kind.${kind}`) ? words(`kind.${kind}`) : kind;
}

/** What a run is doing now. */
export function phaseWords({ words, has }, phase) {
  return has(`phase.${phase}`) ? words(`phase.${phase}`) : (phase ?? "");
}
