// Put at the end of a copy of a report: uses it as people do and tells the page around it what came of that.
(async () => {
  const found = { width: innerWidth, height: innerHeight };
  const view = document.getElementById("diagram");
  const said = document.getElementById("said");
  const key = (name) => view.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  const zoom = () => Number(view.dataset.zoom);
  const paint = getComputedStyle(document.body);
  found.page = paint.backgroundColor;
  found.ink = paint.color;
  const chart = document.querySelector(".chart svg rect, .chart svg path");
  found.chart = chart && getComputedStyle(chart).fill;
  found.overflow = document.documentElement.scrollWidth - innerWidth;
  found.images = document.images.length;
  found.headings = [...document.querySelectorAll("h1, h2, h3, h4")].map((head) => Number(head.tagName[1]));
  found.charts = document.querySelectorAll(".chart svg").length;
  if (view) {
    view.focus();
    found.focus = document.activeElement === view;
    found.outline = getComputedStyle(view).outlineStyle;
    found.tools = getComputedStyle(document.querySelector(".tools")).display;
    const zooms = [zoom()];
    for (const name of ["+", "+", "-", "1", "0"]) {
      key(name);
      zooms.push(zoom());
    }
    document.querySelector('[data-act="in"]').click();
    zooms.push(zoom());
    found.zooms = zooms;
    key("1");
    key("n");
    found.next = said.textContent;
    const messages = document.querySelectorAll(".sent");
    messages[messages.length - 1].dispatchEvent(new PointerEvent("pointerenter"));
    found.hover = said.textContent;
    found.messages = messages.length;
    document.querySelector('[data-act="next"]').click();
    found.around = said.textContent;
  }
  if (window.axe) {
    for (const part of document.querySelectorAll("details")) part.open = true;
    const result = await axe.run(document, { resultTypes: ["violations"] });
    found.axe = { version: axe.version, passes: result.passes.length };
    found.axe.violations = result.violations.map((rule) => ({
      id: rule.id,
      impact: rule.impact,
      help: rule.help,
      nodes: rule.nodes.slice(0, 5).map((node) => node.html.slice(0, 200)),
    }));
  }
  found.troubles = window.troubles;
  parent.postMessage(JSON.stringify(found), "*");
})().catch((error) => parent.postMessage(JSON.stringify({ troubles: [String(error)] }), "*"));
