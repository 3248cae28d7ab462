"use strict";
// The space-time diagram: what messages are, zoom, and moving it by mouse, finger and keys. Without this script it can be
// scrolled, and the list below it tells of the messages.
(() => {
  const view = document.getElementById("diagram");
  const svg = view && view.querySelector("svg");
  if (!svg) return;
  const said = document.getElementById("said");
  const wide = svg.viewBox.baseVal.width;
  const messages = [...svg.querySelectorAll(".sent")];
  let zoom = 1;
  let chosen = -1;

  // What is at (x, y) of the view stays there.
  const zoomTo = (wanted, x = view.clientWidth / 2, y = view.clientHeight / 2) => {
    const before = zoom;
    zoom = Math.min(4, Math.max(0.1, wanted));
    const [left, top] = [view.scrollLeft + x, view.scrollTop + y];
    svg.style.width = `${Math.round(wide * zoom)}px`;
    svg.style.height = "auto";
    view.scrollLeft = (left * zoom) / before - x;
    view.scrollTop = (top * zoom) / before - y;
    view.dataset.zoom = zoom.toFixed(2);
  };
  const fit = () => zoomTo(view.clientWidth / wide);

  const choose = (number) => {
    if (messages[chosen]) messages[chosen].classList.remove("chosen");
    chosen = number;
    const message = messages[chosen];
    if (!message) return;
    message.classList.add("chosen");
    said.textContent = `${chosen + 1} of ${messages.length}: ${message.dataset.said}`;
  };
  // From one message to another by keys and buttons, in the order of the drawing.
  const step = (by) => {
    choose((chosen + by + messages.length) % messages.length);
    const [box, frame] = [messages[chosen].getBoundingClientRect(), view.getBoundingClientRect()];
    view.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
    view.scrollTop += box.top + box.height / 2 - frame.top - frame.height / 2;
  };

  messages.forEach((message, number) => {
    const title = message.querySelector("title");
    message.dataset.said = title.textContent;
    title.remove();
    // A line that is easy to hit.
    const over = message.querySelector("path").cloneNode();
    over.setAttribute("class", "over");
    over.removeAttribute("marker-end");
    message.append(over);
    message.addEventListener("pointerenter", () => choose(number));
    message.addEventListener("click", () => choose(number));
  });

  const acts = {
    in: () => zoomTo(zoom * 1.25),
    out: () => zoomTo(zoom / 1.25),
    fit,
    full: () => zoomTo(1),
    before: () => step(chosen < 0 ? 0 : -1),
    next: () => step(1),
  };
  const keys = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "full", n: "next", p: "before" };
  document.querySelectorAll("[data-act]").forEach((button) => {
    button.addEventListener("click", () => acts[button.dataset.act]());
  });
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    acts[keys[event.key]]();
    event.preventDefault();
  });

  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // the wheel alone scrolls
    const frame = view.getBoundingClientRect();
    zoomTo(zoom * Math.exp(-event.deltaY / 300), event.clientX - frame.left, event.clientY - frame.top);
    event.preventDefault();
  }, { passive: false });

  let held = null;
  view.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) {
      held = { x: event.clientX + view.scrollLeft, y: event.clientY + view.scrollTop };
      view.classList.add("held");
    }
  });
  window.addEventListener("pointermove", (event) => {
    if (!held) return;
    view.scrollLeft = held.x - event.clientX;
    view.scrollTop = held.y - event.clientY;
  });
  window.addEventListener("pointerup", () => {
    held = null;
    view.classList.remove("held");
  });

  // One finger scrolls, two zoom.
  const apart = (touches) =>
    Math.hypot(touches[0].clientX - touches[1].clientX, touches[0].clientY - touches[1].clientY);
  let pinch = null;
  view.addEventListener("touchstart", (event) => {
    pinch = event.touches.length === 2 ? { apart: apart(event.touches), zoom } : null;
  }, { passive: true });
  view.addEventListener("touchmove", (event) => {
    if (!pinch || event.touches.length !== 2) return;
    const frame = view.getBoundingClientRect();
    const middle = (axis) => (event.touches[0][axis] + event.touches[1][axis]) / 2;
    zoomTo((pinch.zoom * apart(event.touches)) / pinch.apart, middle("clientX") - frame.left, middle("clientY") - frame.top);
    event.preventDefault();
  }, { passive: false });

  document.querySelectorAll("[data-live]").forEach((part) => { part.hidden = false; });
  zoomTo(Math.min(1, Math.max(0.7, view.clientWidth / wide)));
  view.scrollLeft = 0;
  view.scrollTop = 0;
})();
// Paper has no way to open what is closed.
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
});
