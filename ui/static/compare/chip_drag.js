// Dragging a chip of the rank board to a rank, by mouse, pen or finger.

const BEGINS_PIXELS = 6;

export class ChipDrag {
  /** `lane` holds the ranked chips; `onDrop(place, rank)` is called where a chip is let go over or beside them. */
  constructor(lane, chips, onDrop) {
    Object.assign(this, { lane, chips, onDrop });
    this.justDropped = false; // the click that ends a drag is no press
    for (const chip of chips) chip.addEventListener("pointerdown", (event) => this.begin(event, chip));
  }

  begin(event, chip) {
    if (event.button !== 0) return;
    this.justDropped = false;
    const from = { x: event.clientX, y: event.clientY };
    const listening = new AbortController();
    let dragging = false;
    chip.setPointerCapture(event.pointerId); // a quick move leaves the chip at once
    const move = (now) => {
      const [x, y] = [now.clientX - from.x, now.clientY - from.y];
      if (!dragging && Math.hypot(x, y) < BEGINS_PIXELS) return;
      dragging = true;
      chip.classList.add("tm-dragged");
      chip.style.transform = `translate(${x}px, ${y}px)`;
    };
    const end = (now) => {
      listening.abort();
      chip.classList.remove("tm-dragged");
      chip.style.transform = "";
      if (!dragging || now.type === "pointercancel") return;
      this.justDropped = true;
      setTimeout(() => (this.justDropped = false));
      this.onDrop(Number(chip.dataset.place), this.rankAt(now.clientX, now.clientY, chip));
    };
    chip.addEventListener("pointermove", move, { signal: listening.signal });
    chip.addEventListener("pointerup", end, { signal: listening.signal });
    chip.addEventListener("pointercancel", end, { signal: listening.signal });
  }

  /** The rank of the chip before which this point lies, in reading order; behind the last one their number. */
  rankAt(x, y, dragged) {
    const ranked = this.chips.filter((chip) => this.lane.contains(chip));
    ranked.sort((one, other) => (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
    const rightToLeft = getComputedStyle(this.lane).direction === "rtl";
    const before = ranked.findIndex((chip) => {
      if (chip === dragged) return false;
      const box = chip.getBoundingClientRect();
      const middle = box.left + box.width / 2;
      return y < box.top || (y <= box.bottom && (rightToLeft ? x > middle : x < middle));
    });
    return before < 0 ? ranked.length : before;
  }
}
