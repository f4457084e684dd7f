// How the study is reached: chosen when the server is started, shown here.

import { el } from "../page/elements.js";
import { Remote } from "../page/remote.js";
import { Tokens } from "./tokens.js";

export function accessPart(page) {
  const { words, send } = page;
  const tokens = new Tokens(page);
  const draw = ({ accounts, address, public: open, secure, trusted_proxies: proxies }) => {
    const facts = [
      ["accounts", words(accounts ? "access.accounts.on" : "access.accounts.off")],
      ["address", address],
      ["public", words(open ? "access.public.on" : "access.public.off")],
      ["secure", words(secure ? "access.secure.on" : "access.secure.off")],
      ["proxies", proxies.length === 0 ? words("settings.value.none") : proxies.join(", ")],
    ];
    return [
      el("p", { class: "tm-lead" }, words("access.about")),
      el(
        "dl",
        { class: "tm-box tm-facts" },
        facts.map(([name, value]) => el("div", {}, el("dt", {}, words(`access.${name}`)), el("dd", {}, value))),
      ),
      accounts ? el("p", {}, el("a", { href: "/people", class: "tm-inline-link" }, words("access.people"))) : null,
    ];
  };
  const remote = new Remote(words, () => send("/api/access"), draw);
  const open = () => Promise.all([remote.load(), tokens.list.load()]);
  return { element: el("div", { class: "tm-stack" }, remote.element, tokens.element), open };
}
