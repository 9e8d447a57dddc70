// Skeleton player on canvas 2-D without dependencies. anywidget calls render(); so does the self-contained page.
// Front view is the sensor's: x runs to the left, y up, z away, so the left of a person facing it is on the right.
const FRONT = { yaw: 0, pitch: 0.12 };
const HINT = "Drag to turn, double-click for the front view. Click a joint or a cell to keep it lit. Space: play or pause. "
  + "← →: step. ↑ ↓: turn. + −: speed. Front view: the left side of a person facing the sensor is on the right.";
const BONES = ["#8a8a8a", "#b9a58a"]; // first person, second person
const LIT = "#d55e00", INK = "#222222", ROW = 18; // ROW: height of a joint's row, as in player.css
const SPEEDS = [0.25, 0.5, 1, 2];
const KINDS = ["importance", "over_time"]; // what a panel may know of its joints: one number each, or one per step

function make(tag, parent, attributes = {}, text = "") {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  parent.append(node);
  return node;
}

function penOf(canvas) { // a cleared canvas in CSS pixels, sharp on any screen
  const ratio = window.devicePixelRatio || 1, pen = canvas.getContext("2d");
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((x) => Math.max(1, Math.round(x * ratio)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

function line(pen, a, b) {
  pen.beginPath();
  pen.moveTo(a.x, a.y);
  pen.lineTo(b.x, b.y);
  pen.stroke();
}

function colourAt(ramp, share) { // share 0 … 1 → [red, green, blue]
  const at = share * (ramp.length - 1), i = Math.min(Math.floor(at), ramp.length - 2);
  const part = (hex, k) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
  return [0, 1, 2].map((k) => Math.round(part(ramp[i], k) + (at - i) * (part(ramp[i + 1], k) - part(ramp[i], k))));
}

function scalesOf(panels) { // by the name of the quantity: panels that show the same one share its scale
  const ranges = {};
  for (const { of, values } of panels.flatMap((panel) => KINDS.map((kind) => panel[kind]).filter(Boolean))) {
    const range = (ranges[of] ??= { low: Infinity, high: -Infinity });
    for (const value of values) {
      range.low = Math.min(range.low, value);
      range.high = Math.max(range.high, value);
    }
  }
  return Object.fromEntries(Object.entries(ranges).map(([of, { low, high }]) => {
    const digits = Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(high) || 1)), 0), 6);
    const level = (value) => (high > low ? (value - low) / (high - low) : 0.5);
    return [of, { low, high, level, show: (value) => value.toFixed(digits) }];
  }));
}

function bodyOf(panel) { // the clip itself: millimetres, who is seen when, and the space it takes
  const [persons, frames, count] = panel.shape;
  const xyz = new Int16Array(Uint8Array.from(atob(panel.xyz), (letter) => letter.charCodeAt(0)).buffer);
  const start = (m, t) => (m * frames + t) * count * 3;
  const point = (m, t, j) => [0, 1, 2].map((axis) => panel.unit * xyz[start(m, t) + 3 * j + axis]);
  const isSeen = (m, t) => xyz.subarray(start(m, t), start(m, t + 1)).some((value) => value !== 0);
  const lowest = [Infinity, Infinity, Infinity], highest = [-Infinity, -Infinity, -Infinity];
  for (let m = 0; m < persons; m++) for (let t = 0; t < frames; t++) if (isSeen(m, t)) {
    for (let j = 0; j < count; j++) point(m, t, j).forEach((value, axis) => {
      lowest[axis] = Math.min(lowest[axis], value);
      highest[axis] = Math.max(highest[axis], value);
    });
  }
  const anyone = lowest[0] <= highest[0];
  const centre = lowest.map((value, axis) => (anyone ? (value + highest[axis]) / 2 : 0));
  const half = lowest.map((value, axis) => (anyone ? (highest[axis] - value) / 2 : 1000));
  const radius = Math.max(half[1], Math.hypot(half[0], half[2]), 1);
  return { persons, point, isSeen, centre, radius, floor: centre[1] - half[1], drawn: [] };
}

function render({ model, el }) {
  const state = { ...FRONT, speed: 1, shows: "", playing: false }; // survives new data
  let stop = build(model, el, state);
  const renew = () => {
    stop();
    el.replaceChildren();
    stop = build(model, el, state);
  };
  model.on("change:data", renew);
  return () => {
    model.off("change:data", renew);
    stop();
  };
}

function build(model, el, state) {
  const { panels, frames, joints, bones, order, ramp, sides } = model.get("data");
  const bodies = panels.map(bodyOf), scales = scalesOf(panels), fps = panels[0].fps;
  const radius = Math.max(...bodies.map((body) => body.radius)); // the same size in all panels
  const kinds = KINDS.filter((kind) => panels.some((panel) => panel[kind]));
  const letter = (i) => (panels.length > 1 ? `${"ABCD"[i]} · ` : "");
  if (!kinds.includes(state.shows)) state.shows = kinds[0] ?? "";
  let frame = 0, hovered = -1, selected = -1, position = 0, last = 0, sent = 0, request = 0;

  // ---- values
  const lit = () => (hovered >= 0 ? hovered : selected);
  const frameOf = (panel, at = frame) => Math.floor((at / fps) * panel.fps + 1e-6); // in the panel's own frames
  const shownFrame = (panel) => Math.min(frameOf(panel), panel.shape[1] - 1); // a shorter clip waits at its end
  function valueOf(panel, kind, j, at = frame) { // undefined where the panel has none
    if (kind !== "over_time") return panel[kind]?.values[j];
    const { values, steps, span: [from, to] } = panel.over_time ?? { span: [0, 0] };
    const t = Math.min(frameOf(panel, at), panel.shape[1] - 1);
    return t < from || t >= to ? undefined : values[Math.floor(((t - from) / (to - from)) * steps) * joints.length + j];
  }
  const scale = (panel, kind) => scales[panel[kind]?.of];
  const show = (panel, kind, value) => (value === undefined ? "–" : scale(panel, kind).show(value));
  function levelOf(panel, j) {
    const value = valueOf(panel, state.shows, j);
    return value === undefined ? (panel[state.shows] ? 0 : 0.2) : scale(panel, state.shows).level(value);
  }
  const colourOf = (panel, j) => (panel[state.shows] ? `rgb(${colourAt(ramp, levelOf(panel, j))})` : "#444444");

  // ---- page
  const titles = panels.map((panel, i) => letter(i) + panel.title);
  const name = titles.filter(Boolean).join("; ");
  const root = make("div", el, { class: "skeleton-player", role: "group", "data-lm-suppress-shortcuts": "true" });
  root.setAttribute("aria-label", `Skeleton player${name ? `: ${name}` : ""}`);
  const stage = make("div", root, { class: "stage" });
  const left = make("div", stage, { class: "left", style: `flex-basis: ${panels.length > 1 ? 290 * panels.length : 340}px` });
  const views = make("div", left, { class: "views" });
  const canvases = panels.map((panel, i) => {
    const view = make("div", views, { class: "view" });
    if (titles[i]) make("p", view, { class: "title" }, titles[i]);
    const about = `${titles[i] || "Skeleton"}, frames: ${panel.shape[1]}, persons: ${panel.shape[0]}`;
    return make("canvas", view, { tabindex: 0, role: "img", "aria-label": about });
  });
  const controls = make("div", left, { class: "controls" });
  const button = make("button", controls, { type: "button" });
  const slider = make("input", controls, { type: "range", min: 0, max: frames - 1, step: 1, "aria-label": "Frame" });
  const speed = make("select", controls, { "aria-label": "Speed" });
  for (const factor of SPEEDS) make("option", speed, { value: factor }, `${factor}×`);
  speed.value = state.speed;
  const time = make("span", controls, { class: "time" });
  const table = make("div", stage, { class: "table" });
  const columns = panels.map((panel, i) => i).filter((i) => panels[i].over_time);
  const bars = kinds.length && panels.length, listWidth = 150 + 85 * bars;
  table.style.gridTemplateColumns = `minmax(${listWidth}px, 1fr) repeat(${columns.length}, minmax(150px, 1.2fr))`;
  table.style.flexBasis = `${listWidth + 162 * columns.length}px`;
  const head = make("div", table), shows = kinds.length > 1 ? make("select", head) : null;
  shows?.setAttribute("aria-label", "Joints and bars show");
  for (const kind of shows ? kinds : []) {
    const { of } = panels.find((panel) => panel[kind])[kind];
    make("option", shows, { value: kind }, `Joints show: ${of}${kind === "over_time" ? " now" : ""}`);
  }
  const legends = make("div", head), rowColumns = `9em repeat(${bars}, minmax(30px, 1fr) 3.4em)`;
  function legend(parent, text, { low, high, show }) {
    const box = make("div", parent, { class: "legend" });
    make("b", box, {}, text);
    make("span", box, { title: "least" }, show(low));
    make("i", box).style.background = `linear-gradient(to right, ${ramp})`;
    make("span", box, { title: "most" }, show(high));
  }
  if (bars > 1) {
    const letters = make("div", head, { class: "letters", style: `grid-template-columns: ${rowColumns}` });
    panels.forEach((panel, i) => make("b", letters, { style: `grid-column: ${2 + 2 * i}` }, "ABCD"[i]));
  }
  for (const i of columns) legend(make("div", table), letter(i) + panels[i].over_time.of, scale(panels[i], "over_time"));
  const list = make("ol", table, { "aria-label": "Joints", role: "listbox" });
  const rows = order.map((j, place) => {
    const row = make("li", list, { "data-joint": joints[j], role: "option", tabindex: place ? -1 : 0 });
    make("span", row, {}, joints[j]);
    row.style.gridTemplateColumns = rowColumns;
    const cells = panels.slice(0, bars).map(() => (
      { bar: make("i", make("div", row, { style: "display: grid" })), value: make("span", row) }));
    row.addEventListener("pointerenter", () => hover(j));
    row.addEventListener("focus", () => hover(j));
    row.addEventListener("pointerleave", () => hover(-1));
    row.addEventListener("blur", () => hover(-1));
    row.addEventListener("click", () => select(j === selected ? -1 : j));
    return { row, cells };
  });
  const heats = columns.map((i) => {
    const { of, values, steps } = panels[i].over_time;
    const about = `${letter(i)}${of}: joints down, time to the right`;
    const canvas = make("canvas", table, { class: "heat", role: "img", "aria-label": about });
    canvas.style.height = `${ROW * order.length}px`;
    const cells = Object.assign(document.createElement("canvas"), { width: steps, height: order.length });
    const image = new ImageData(steps, order.length);
    order.forEach((j, y) => {
      for (let x = 0; x < steps; x++) {
        const colour = colourAt(ramp, scales[of].level(values[x * joints.length + j]));
        image.data.set([...colour, 255], 4 * (y * steps + x));
      }
    });
    cells.getContext("2d").putImageData(image, 0, 0);
    return { canvas, cells, panel: panels[i] };
  });
  if (heats.length) make("span", table); // below the joints' names: nothing
  for (const _ of heats) {
    const axis = make("div", table, { class: "axis" });
    make("span", axis, {}, "0 s");
    make("span", axis, {}, `${(frames / fps).toFixed(2)} s`);
  }

  const note = make("output", root, { class: "note", "aria-live": "polite" }); // last, so that its length moves nothing

  // ---- drawing
  function draw() {
    panels.forEach((panel, i) => drawBody(panel, bodies[i], canvases[i]));
    heats.forEach(drawHeat);
    if (state.shows === "over_time") drawBars();
    slider.value = frame;
    const clock = `${(frame / fps).toFixed(2)} s`;
    slider.setAttribute("aria-valuetext", `frame ${frame}, ${clock}`);
    time.textContent = `frame ${frame} / ${frames - 1} · ${clock}`;
  }
  function drawBody(panel, body, canvas) {
    const size = canvas.clientWidth, t = shownFrame(panel), pen = penOf(canvas);
    const [sy, cy, sp, cp] = [Math.sin(state.yaw), Math.cos(state.yaw), Math.sin(state.pitch), Math.cos(state.pitch)];
    const project = ([x, y, z]) => { // millimetres to CSS pixels; `near` is larger for points nearer to the viewer
      const [right, up, toward] = [body.centre[0] - x, y - body.centre[1], body.centre[2] - z];
      const across = right * cy + toward * sy, depth = toward * cy - right * sy;
      const near = up * sp + depth * cp, zoom = (0.42 * size / radius) * (5 * radius) / (5 * radius - near);
      return { x: size / 2 + across * zoom, y: size / 2 - (up * cp - depth * sp) * zoom, near };
    };
    drawFloor(pen, body, project);
    body.drawn = [];
    for (let m = 0; m < body.persons; m++) if (body.isSeen(m, t)) {
      const points = joints.map((_, j) => ({ j, ...project(body.point(m, t, j)) }));
      pen.lineWidth = 3;
      pen.lineCap = "round";
      for (const [child, parent] of bones) {
        const side = joints[child].split(" ").find((word) => word in sides); // shown where no importance is
        pen.strokeStyle = (!kinds.length && sides[side]) || BONES[m % BONES.length];
        line(pen, points[child], points[parent]);
      }
      body.drawn.push(...points);
    }
    body.drawn.sort((a, b) => (a.j === lit()) - (b.j === lit()) || a.near - b.near); // the lit joint on top
    for (const { x, y, j } of body.drawn) {
      pen.beginPath();
      pen.arc(x, y, 3.5 + 8 * levelOf(panel, j), 0, 2 * Math.PI);
      pen.fillStyle = colourOf(panel, j);
      pen.fill();
      pen.lineWidth = j === lit() ? 3 : 0.8;
      pen.strokeStyle = j === lit() ? LIT : INK;
      pen.stroke();
    }
    for (const point of body.drawn) if (point.j === lit()) label(pen, point, panel, size);
    canvas.dataset.frame = t;
  }
  function drawFloor(pen, { centre: [x, , z], floor }, project) { // half-metre squares under the lowest joint
    const reach = 500 * Math.ceil(radius / 500);
    pen.strokeStyle = "#e3e3e3";
    pen.lineWidth = 1;
    for (let i = -reach; i <= reach; i += 500) {
      line(pen, project([x + i, floor, z - reach]), project([x + i, floor, z + reach]));
      line(pen, project([x - reach, floor, z + i]), project([x + reach, floor, z + i]));
    }
  }
  function label(pen, { x, y, j }, panel, size) {
    const text = panel[state.shows] ? `${joints[j]} ${show(panel, state.shows, valueOf(panel, state.shows, j))}` : joints[j];
    pen.font = "600 13px 'DejaVu Sans', system-ui, sans-serif";
    const width = pen.measureText(text).width + 16; // away from the body where there is room
    const flip = x < size / 2 ? x > width : x + width > size;
    pen.textAlign = flip ? "right" : "left";
    pen.lineWidth = 4;
    pen.strokeStyle = "#ffffff";
    pen.strokeText(text, x + (flip ? -16 : 16), y + 4);
    pen.fillStyle = INK;
    pen.fillText(text, x + (flip ? -16 : 16), y + 4);
  }
  function drawHeat({ canvas, cells, panel }) { // all panels on one time axis; a frame takes the same room in each
    const pen = penOf(canvas), wide = canvas.clientWidth, high = canvas.clientHeight;
    const x = (t) => (t / panel.fps) * fps * (wide / frames), [from, to] = panel.over_time.span;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(cells, x(from), 0, x(to) - x(from), high);
    pen.lineWidth = 2;
    pen.strokeStyle = LIT;
    const row = order.indexOf(lit()), now = x(shownFrame(panel) + 0.5);
    if (row >= 0) pen.strokeRect(1, ROW * row + 1, wide - 2, ROW - 2);
    pen.lineWidth = 4; // the present: dark on light cells, light on dark ones
    pen.strokeStyle = "#ffffff";
    line(pen, { x: now, y: 0 }, { x: now, y: high });
    pen.lineWidth = 2;
    pen.strokeStyle = INK;
    line(pen, { x: now, y: 0 }, { x: now, y: high });
  }
  function drawBars() {
    rows.forEach(({ cells }, place) => cells.forEach(({ bar, value }, i) => {
      const panel = panels[i], amount = valueOf(panel, state.shows, order[place]);
      const most = scale(panel, state.shows)?.high;
      bar.style.width = `${most > 0 ? 100 * Math.max(0, amount ?? 0) / most : 0}%`;
      bar.style.background = colourOf(panel, order[place]);
      value.textContent = panel[state.shows] ? show(panel, state.shows, amount) : "";
    }));
  }
  function drawLit() {
    rows.forEach(({ row }, place) => {
      row.classList.toggle("lit", order[place] === lit());
      row.setAttribute("aria-selected", order[place] === selected);
    });
    describe();
    draw();
  }
  function describe(at = frame) {
    const j = lit();
    note.textContent = j < 0 ? HINT : "";
    if (j < 0) return;
    make("b", note, {}, joints[j]);
    panels.forEach((panel, i) => {
      const values = KINDS.filter((kind) => panel[kind]).map((kind) => (
        `${panel[kind].of}: ${show(panel, kind, valueOf(panel, kind, j, at))}`
        + (kind === "over_time" ? ` at ${(at / fps).toFixed(2)} s` : "")));
      const words = [values.join("; "), panel.texts[joints[j]]].filter(Boolean).join(". ");
      if (words) make("div", note, {}, letter(i) + words);
    });
  }
  function showKind(kind) {
    state.shows = kind;
    if (shows) shows.value = kind;
    legends.replaceChildren();
    for (const of of new Set(panels.map((panel) => panel[kind]?.of).filter(Boolean))) legend(legends, of, scales[of]);
    drawBars();
    draw();
  }

  // ---- state; what others may want to know goes to the model, `frame` five times a second at most while playing
  function tell(key, value) {
    if (model.get(key) === value) return;
    model.set(key, value);
    model.save_changes();
  }
  function goTo(value) {
    frame = Math.min(Math.max(Math.round(value), 0), frames - 1);
    draw();
    if (state.playing && performance.now() - sent < 200) return;
    if (!state.playing) position = frame;
    if (lit() >= 0) describe();
    sent = performance.now();
    tell("frame", frame);
  }
  function hover(j) {
    if (j === hovered) return;
    hovered = j;
    drawLit();
    tell("hovered_joint", j < 0 ? "" : joints[j]);
  }
  function select(j) {
    selected = j;
    drawLit();
    tell("selected_joint", j < 0 ? "" : joints[j]);
  }
  function play(on) {
    state.playing = on && frames > 1;
    button.textContent = state.playing ? "Pause" : "Play";
    button.setAttribute("aria-label", button.textContent);
    cancelAnimationFrame(request);
    if (!state.playing) return goTo(frame);
    position = frame;
    last = performance.now();
    request = requestAnimationFrame(tick);
  }
  function tick(now) {
    position = (position + Math.max(0, now - last) / 1000 * fps * state.speed) % frames;
    last = Math.max(now, last);
    if (Math.floor(position) !== frame) goTo(Math.floor(position));
    request = requestAnimationFrame(tick);
  }
  function turn(yaw, pitch) {
    state.yaw += yaw;
    state.pitch = Math.min(Math.max(state.pitch + pitch, -1.4), 1.4);
    draw();
  }
  function faster(steps) {
    const place = Math.min(Math.max(SPEEDS.indexOf(state.speed) + steps, 0), SPEEDS.length - 1);
    speed.value = state.speed = SPEEDS[place];
  }

  // ---- input
  button.addEventListener("click", () => play(!state.playing));
  slider.addEventListener("input", () => { const value = Number(slider.value); play(false); goTo(value); });
  speed.addEventListener("change", () => { state.speed = Number(speed.value); });
  shows?.addEventListener("change", () => showKind(shows.value));
  canvases.forEach((canvas, i) => {
    let moved = 0;
    function nearest({ offsetX, offsetY }) { // the joint under the pointer, or -1
      const away = ({ x, y }) => Math.hypot(x - offsetX, y - offsetY);
      const best = bodies[i].drawn.reduce((a, b) => (!a || away(b) <= away(a) ? b : a), null);
      return best && away(best) < 16 ? best.j : -1;
    }
    canvas.addEventListener("dblclick", () => { Object.assign(state, FRONT); draw(); });
    canvas.addEventListener("pointerdown", (event) => { moved = 0; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointerleave", () => hover(-1));
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons) return hover(nearest(event));
      moved += Math.abs(event.movementX) + Math.abs(event.movementY);
      return turn(event.movementX * 0.01, event.movementY * 0.01);
    });
    canvas.addEventListener("click", (event) => { if (moved < 4) select(nearest(event)); });
  });
  for (const { canvas } of heats) {
    const jointAt = ({ offsetY }) => order[Math.min(Math.max(Math.floor(offsetY / ROW), 0), order.length - 1)];
    const frameAt = ({ offsetX }) => Math.min(Math.floor((offsetX / canvas.clientWidth) * frames), frames - 1);
    canvas.addEventListener("pointermove", (event) => { hover(jointAt(event)); describe(frameAt(event)); });
    canvas.addEventListener("pointerleave", () => hover(-1));
    canvas.addEventListener("click", (event) => { play(false); select(jointAt(event)); goTo(frameAt(event)); });
  }
  root.addEventListener("keydown", (event) => {
    const row = rows.findIndex((each) => each.row === event.target); // in the list ↑ and ↓ go from joint to joint
    const stay = (place) => rows[Math.min(Math.max(place, 0), rows.length - 1)].row.focus();
    const keys = {
      " ": () => play(!state.playing),
      ArrowLeft: () => { play(false); goTo((frame - 1 + frames) % frames); },
      ArrowRight: () => { play(false); goTo((frame + 1) % frames); },
      ArrowUp: () => (row >= 0 ? stay(row - 1) : turn(0.2, 0)),
      ArrowDown: () => (row >= 0 ? stay(row + 1) : turn(-0.2, 0)),
      "+": () => faster(1),
      "=": () => faster(1), // + without the shift key
      "-": () => faster(-1),
      ...(row >= 0 && { Enter: () => event.target.click() }),
    };
    const native = event.target.tagName === "SELECT" || (event.target === slider && event.key.startsWith("Arrow"))
      || (event.target === button && event.key === " ");
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation(); // the notebook has its own meaning for these keys
    if (native) return;
    event.preventDefault();
    keys[event.key]();
  });

  // While playing the player leads; what comes back from the kernel then may be a frame already left behind.
  const told = {
    "change:frame": () => { if (!state.playing && model.get("frame") !== frame) goTo(model.get("frame")); },
    "change:hovered_joint": () => hover(joints.indexOf(model.get("hovered_joint"))),
    "change:selected_joint": () => {
      const j = joints.indexOf(model.get("selected_joint"));
      if (j !== selected) select(j);
    },
  };
  for (const [event, react] of Object.entries(told)) model.on(event, react);
  const watch = new ResizeObserver(draw);
  for (const canvas of [...canvases, ...heats.map((heat) => heat.canvas)]) watch.observe(canvas);
  hovered = joints.indexOf(model.get("hovered_joint"));
  selected = joints.indexOf(model.get("selected_joint"));
  frame = Math.min(model.get("frame"), frames - 1);
  showKind(state.shows);
  drawLit();
  play(state.playing);
  return () => {
    cancelAnimationFrame(request);
    watch.disconnect();
    for (const [event, react] of Object.entries(told)) model.off(event, react);
  };
}

export default { render };
