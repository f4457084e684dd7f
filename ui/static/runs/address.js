// What the address asks for: the list with its filters, a form, one run, several beside each other.

/** {view: "list" | "new" | "run" | "compare", ...} of an address's part behind #. */
export function asked(hash) {
  const text = hash.replace(/^#/, "");
  if (/^\d{1,16}$/.test(text)) return { view: "run", id: Number(text) };
  const [word, kind = "", like = ""] = text.split("/");
  if (word === "new") return { view: "new", kind, like: /^\d{1,16}$/.test(like) ? Number(like) : null };
  const values = new URLSearchParams(text);
  if (values.has("compare")) {
    const ids = (values.get("compare") ?? "").split(",").filter((each) => /^\d{1,16}$/.test(each));
    return { view: "compare", ids: [...new Set(ids.map(Number))] };
  }
  const page = Number(values.get("page"));
  return {
    view: "list",
    kind: values.get("kind") ?? "",
    status: values.get("status") ?? "",
    page: Number.isInteger(page) && page > 0 && page < 1e6 ? page : 0,
  };
}

/** The address of the list with these filters. */
export function listAddress({ kind = "", status = "", page = 0 }) {
  const values = Object.entries({ kind, status, page: page || "" }).filter(([, value]) => value !== "");
  return `#${new URLSearchParams(values)}`;
}
