// Texts that scroll together: each at the same share of its own length.

export class LinkedScroll {
  constructor(nodes) {
    this.nodes = nodes;
    this.on = false;
    this.moved = new Map(); // node -> where we put it: its scroll event is ours, not the person's
    for (const node of nodes) node.addEventListener("scroll", () => this.follow(node), { passive: true });
  }

  follow(node) {
    if (!this.on) return;
    if (this.moved.get(node) === node.scrollTop) return;
    this.moved.delete(node);
    const share = node.scrollTop / Math.max(node.scrollHeight - node.clientHeight, 1);
    for (const other of this.nodes) {
      if (other === node) continue;
      other.scrollTop = share * (other.scrollHeight - other.clientHeight);
      this.moved.set(other, other.scrollTop); // as the browser rounded it
    }
  }
}
