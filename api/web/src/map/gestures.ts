// Fingers, mouse and wheel, as moves, zooms and taps. Positions are CSS pixels from the element's corner.

export interface Hands {
  move(dx: number, dy: number): void;
  zoom(factor: number, x: number, y: number): void;
  tap(x: number, y: number, touch: boolean): void;
  hover(x: number, y: number): void;
  leave(): void;
}

const slack = 6; // px a finger may slip and still tap

interface Finger {
  x: number;
  y: number;
}

/** listen reports what hands do on the element until the returned function is called. */
export function listen(element: HTMLElement, hands: Hands): () => void {
  const fingers = new Map<number, Finger>();
  let start: Finger | null = null; // of what may still become a tap
  const here = (e: MouseEvent): Finger => {
    const box = element.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  };

  const down = (e: PointerEvent) => {
    if (e.pointerType === "mouse" && e.button !== 0) return;
    element.setPointerCapture(e.pointerId);
    fingers.set(e.pointerId, here(e));
    start = fingers.size === 1 ? here(e) : null;
  };

  const move = (e: PointerEvent) => {
    const from = fingers.get(e.pointerId), to = here(e);
    if (!from) return hands.hover(to.x, to.y);
    if (start && Math.hypot(to.x - start.x, to.y - start.y) <= slack) return;
    if (fingers.size === 1) {
      hands.leave();
      hands.move(to.x - from.x, to.y - from.y);
    } else if (fingers.size === 2) {
      const [other] = [...fingers.entries()].filter(([id]) => id !== e.pointerId).map(([, f]) => f);
      pinch(hands, from, to, other!);
    }
    start = null;
    fingers.set(e.pointerId, to);
  };

  const up = (e: PointerEvent) => {
    if (!fingers.delete(e.pointerId)) return;
    if (start && e.type === "pointerup") hands.tap(start.x, start.y, e.pointerType === "touch");
    start = null;
  };

  const wheel = (e: WheelEvent) => {
    e.preventDefault();
    const { x, y } = here(e);
    const lines = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    hands.zoom(Math.exp(-Math.max(-120, Math.min(120, e.deltaY * lines)) * (e.ctrlKey ? 0.01 : 0.0025)), x, y);
  };

  const leave = () => hands.leave();
  const stop = new AbortController();
  const options = { signal: stop.signal };
  element.addEventListener("pointerdown", down, options);
  element.addEventListener("pointermove", move, options);
  element.addEventListener("pointerup", up, options);
  element.addEventListener("pointercancel", up, options);
  element.addEventListener("pointerleave", leave, options);
  element.addEventListener("wheel", wheel, { ...options, passive: false });
  return () => stop.abort();
}

// One finger has moved while the other rested: the middle moves and the distance changes.
function pinch(hands: Hands, from: Finger, to: Finger, other: Finger): void {
  const before = Math.hypot(from.x - other.x, from.y - other.y), after = Math.hypot(to.x - other.x, to.y - other.y);
  hands.move((to.x - from.x) / 2, (to.y - from.y) / 2);
  if (before > 0 && after > 0) hands.zoom(after / before, (to.x + other.x) / 2, (to.y + other.y) / 2);
}
