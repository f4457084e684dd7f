// What stands in an address: filters behind the ? of its hash, and queries to the server.

/** The filters of an address: #judgments?round=2 gives {round: "2"}. */
export function filtersOf(hash) {
  return Object.fromEntries(new URLSearchParams(hash.split("?")[1] ?? ""));
}

/** The query of an address from what is chosen; what is empty is left out. */
export function query(values) {
  const given = Object.entries(values).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined && value !== false,
  );
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

/** A hash that leads to a part of a page with filters. */
export function hashOf(name, filters) {
  const asked = query(filters);
  return asked ? `#${name}?${asked}` : `#${name}`;
}
