// Skeleton player on canvas 2-D without dependencies. anywidget calls render(); so does the self-contained page.
// Front view is the sensor's: x runs to the left, y up, z away, so the left of a person facing it is on the right.
const FRONT = { yaw: 0, pitch: 0.12 };
const HINT = "Drag to turn, double-click for the front view. Space: play or pause. ← →: step. ↑ ↓: turn. "
  + "Front view: the left side of a person facing the sensor is on the right.";
const BONES = ["#8a8a8a", "#b9a58a"]; // first person, second person

function make(tag, parent, attributes = {}, text = "") {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  parent.append(node);
  return node;
}

function render({ model, el }) {
  const [persons, frames, count] = model.get("shape");
  const [xyz, joints, bones, order] = ["xyz", "joints", "bones", "order"].map((key) => model.get(key));
  const [importance, texts, ramp, sides] = ["importance", "texts", "ramp", "sides"].map((key) => model.get(key));
  const weighted = importance.length > 0;
  const low = weighted ? importance.reduce((a, b) => Math.min(a, b)) : 0;
  const high = weighted ? importance.reduce((a, b) => Math.max(a, b)) : 0;
  const digits = Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(high) || 1)), 0), 6);
  const show = (value) => value.toFixed(digits);
  const view = { ...FRONT };
  let frame = 0, hovered = -1, playing = false, position = 0, last = 0, sent = 0, request = 0, drawn = [];

  // ---- values and geometry
  const valueOf = (j) => importance[importance.length > count ? frame * count + j : j];
  const level = (j) => (weighted ? (high > low ? (valueOf(j) - low) / (high - low) : 0.5) : 0.2);
  function colourOf(j) {
    if (!weighted) return "#444444";
    const at = level(j) * (ramp.length - 1), i = Math.min(Math.floor(at), ramp.length - 2);
    const part = (hex, k) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
    const mix = (a, b) => Math.round(a + (at - i) * (b - a));
    return `rgb(${[0, 1, 2].map((k) => mix(part(ramp[i], k), part(ramp[i + 1], k)))})`;
  }
  const start = (m, t) => (m * frames + t) * count * 3;
  function isSeen(m, t) {
    for (let i = start(m, t); i < start(m, t) + 3 * count; i++) if (xyz[i] !== 0) return true;
    return false;
  }
  const lowest = [Infinity, Infinity, Infinity], highest = [-Infinity, -Infinity, -Infinity];
  for (let m = 0; m < persons; m++) for (let t = 0; t < frames; t++) if (isSeen(m, t)) {
    for (let i = 0; i < 3 * count; i++) {
      const value = xyz[start(m, t) + i];
      lowest[i % 3] = Math.min(lowest[i % 3], value);
      highest[i % 3] = Math.max(highest[i % 3], value);
    }
  }
  const anyone = lowest[0] <= highest[0];
  const centre = lowest.map((value, axis) => (anyone ? (value + highest[axis]) / 2 : 0));
  const half = lowest.map((value, axis) => (anyone ? (highest[axis] - value) / 2 : 1000));
  const radius = Math.max(half[1], Math.hypot(half[0], half[2]), 1);
  function project(x, y, z) { // millimetres to CSS pixels; `near` is larger for points nearer to the viewer
    const [right, up, toward] = [centre[0] - x, y - centre[1], centre[2] - z];
    const [sy, cy, sp, cp] = [Math.sin(view.yaw), Math.cos(view.yaw), Math.sin(view.pitch), Math.cos(view.pitch)];
    const across = right * cy + toward * sy, depth = toward * cy - right * sy;
    const near = up * sp + depth * cp;
    const scale = (0.42 * canvas.clientWidth / radius) * (5 * radius) / (5 * radius - near);
    const [x0, y0] = [canvas.clientWidth / 2, canvas.clientHeight / 2];
    return { x: x0 + across * scale, y: y0 - (up * cp - depth * sp) * scale, near };
  }

  // ---- page
  const root = make("div", el, { class: "skeleton-player", role: "group", "data-lm-suppress-shortcuts": "true" });
  const title = model.get("title");
  root.setAttribute("aria-label", `Skeleton player${title ? `: ${title}` : ""}`);
  if (title) make("p", root, { class: "title" }, title);
  const stage = make("div", root, { class: "stage" });
  const left = make("div", stage, { class: "view" });
  const described = `${title || "Skeleton"}, frames: ${frames}, persons: ${persons}`;
  const canvas = make("canvas", left, { tabindex: 0, role: "img", "aria-label": described });
  const controls = make("div", left, { class: "controls" });
  const button = make("button", controls, { type: "button", "aria-label": "Play" }, "Play");
  const slider = make("input", controls, { type: "range", min: 0, max: frames - 1, step: 1, "aria-label": "Frame" });
  const speed = make("select", controls, { "aria-label": "Speed" });
  for (const factor of [0.25, 0.5, 1, 2]) make("option", speed, { value: factor }, `${factor}×`);
  speed.value = "1";
  const time = make("span", controls, { class: "time" });
  const note = make("output", left, { class: "note", "aria-live": "polite" }, HINT);
  const side = make("div", stage, { class: "side" });
  if (weighted) {
    const legend = make("div", side, { class: "legend" });
    make("b", legend, {}, "Joint importance");
    make("span", legend, { title: "least" }, show(low));
    make("i", legend).style.background = `linear-gradient(to right, ${ramp})`;
    make("span", legend, { title: "most" }, show(high));
  }
  const list = make("ol", side, { "aria-label": "Joints" });
  const bars = new Map(order.map((j) => {
    const row = make("li", list, { tabindex: 0, "data-joint": joints[j] });
    make("span", row, {}, joints[j]);
    const bar = make("i", make("div", row, { style: "display: grid" })), value = make("span", row);
    if (!weighted) bar.style.visibility = "hidden";
    for (const name of ["pointerenter", "focus"]) row.addEventListener(name, () => hover(j));
    for (const name of ["pointerleave", "blur"]) row.addEventListener(name, () => hover(-1));
    return [j, { row, bar, value }];
  }));

  // ---- drawing
  function draw() {
    const size = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.max(1, Math.round(size * ratio));
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    drawFloor(pen);
    drawn = [];
    for (let m = 0; m < persons; m++) if (isSeen(m, frame)) {
      const at = start(m, frame);
      const points = joints.map((_, j) => ({ j, ...project(...xyz.slice(at + 3 * j, at + 3 * j + 3)) }));
      pen.lineWidth = 3;
      pen.lineCap = "round";
      for (const [child, parent] of bones) {
        const side = joints[child].split(" ").find((word) => word in sides); // shown where no importance is
        pen.strokeStyle = (!weighted && sides[side]) || BONES[m % BONES.length];
        line(pen, points[child], points[parent]);
      }
      drawn.push(...points);
    }
    drawn.sort((a, b) => a.near - b.near);
    for (const { x, y, j } of drawn) {
      pen.beginPath();
      pen.arc(x, y, 3.5 + 8 * level(j), 0, 2 * Math.PI);
      pen.fillStyle = colourOf(j);
      pen.fill();
      pen.lineWidth = j === hovered ? 3 : 0.8;
      pen.strokeStyle = j === hovered ? "#d55e00" : "#222222";
      pen.stroke();
    }
    for (const point of drawn) if (point.j === hovered) label(pen, point);
    canvas.dataset.frame = frame;
    slider.value = frame;
    const clock = `${(frame / model.get("fps")).toFixed(2)} s`;
    slider.setAttribute("aria-valuetext", `frame ${frame}, ${clock}`);
    time.textContent = `frame ${frame} / ${frames - 1} · ${clock}`;
    for (const [j, { row, bar, value }] of bars) {
      row.classList.toggle("lit", j === hovered);
      if (!weighted) continue;
      bar.style.width = `${100 * Math.max(0, valueOf(j)) / (high > 0 ? high : 1)}%`;
      bar.style.background = colourOf(j);
      value.textContent = show(valueOf(j));
    }
  }
  function line(pen, a, b) {
    pen.beginPath();
    pen.moveTo(a.x, a.y);
    pen.lineTo(b.x, b.y);
    pen.stroke();
  }
  function drawFloor(pen) { // half-metre squares at the height of the lowest joint
    const reach = 500 * Math.ceil(radius / 500), floor = anyone ? lowest[1] : -radius;
    pen.strokeStyle = "#e3e3e3";
    pen.lineWidth = 1;
    for (let i = -reach; i <= reach; i += 500) {
      line(pen, project(centre[0] + i, floor, centre[2] - reach), project(centre[0] + i, floor, centre[2] + reach));
      line(pen, project(centre[0] - reach, floor, centre[2] + i), project(centre[0] + reach, floor, centre[2] + i));
    }
  }
  function label(pen, { x, y, j }) {
    const text = weighted ? `${joints[j]} ${show(valueOf(j))}` : joints[j];
    pen.font = "600 13px 'DejaVu Sans', system-ui, sans-serif";
    const width = pen.measureText(text).width + 16; // away from the body where there is room
    const flip = x < canvas.clientWidth / 2 ? x > width : x + width > canvas.clientWidth;
    pen.textAlign = flip ? "right" : "left";
    pen.lineWidth = 4;
    pen.strokeStyle = "#ffffff";
    pen.strokeText(text, x + (flip ? -16 : 16), y + 4);
    pen.fillStyle = "#222222";
    pen.fillText(text, x + (flip ? -16 : 16), y + 4);
  }

  // ---- state; `frame` and `hovered_joint` go to the model, five times a second at most while playing
  function tell(key, value) {
    if (model.get(key) === value) return;
    model.set(key, value);
    model.save_changes();
  }
  function goTo(value) {
    frame = Math.min(Math.max(Math.round(value), 0), frames - 1);
    if (!playing) position = frame;
    draw();
    if (hovered >= 0) describe();
    if (!playing || performance.now() - sent > 200) {
      sent = performance.now();
      tell("frame", frame);
    }
  }
  function describe() {
    const name = joints[hovered], text = texts[name];
    note.textContent = hovered < 0 ? HINT
      : name + (weighted ? `, importance ${show(valueOf(hovered))}` : "") + (text ? `: ${text}` : "");
  }
  function hover(j) {
    if (j === hovered) return;
    hovered = j;
    describe();
    draw();
    tell("hovered_joint", j < 0 ? "" : joints[j]);
  }
  function play(on) {
    playing = on && frames > 1;
    button.textContent = playing ? "Pause" : "Play";
    button.setAttribute("aria-label", button.textContent);
    cancelAnimationFrame(request);
    if (!playing) return goTo(frame);
    position = frame;
    last = performance.now();
    request = requestAnimationFrame(tick);
  }
  function tick(now) {
    position = (position + Math.max(0, now - last) / 1000 * model.get("fps") * Number(speed.value)) % frames;
    last = Math.max(now, last);
    if (Math.floor(position) !== frame) goTo(Math.floor(position));
    request = requestAnimationFrame(tick);
  }
  function turn(yaw, pitch) {
    view.yaw += yaw;
    view.pitch = Math.min(Math.max(view.pitch + pitch, -1.4), 1.4);
    draw();
  }

  // ---- input
  button.addEventListener("click", () => play(!playing));
  slider.addEventListener("input", () => { const value = Number(slider.value); play(false); goTo(value); });
  canvas.addEventListener("dblclick", () => { Object.assign(view, FRONT); draw(); });
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) return turn(event.movementX * 0.01, event.movementY * 0.01);
    const away = ({ x, y }) => Math.hypot(x - event.offsetX, y - event.offsetY);
    const nearest = drawn.reduce((best, point) => (!best || away(point) <= away(best) ? point : best), null);
    hover(nearest && away(nearest) < 16 ? nearest.j : -1);
  });
  root.addEventListener("keydown", (event) => {
    const keys = {
      " ": () => play(!playing),
      ArrowLeft: () => { play(false); goTo((frame - 1 + frames) % frames); },
      ArrowRight: () => { play(false); goTo((frame + 1) % frames); },
      ArrowUp: () => turn(0.2, 0),
      ArrowDown: () => turn(-0.2, 0),
    };
    const native = event.target === speed || (event.target === slider && event.key !== " ")
      || (event.target === button && event.key === " ");
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation(); // the notebook has its own meaning for these keys
    if (native) return;
    event.preventDefault();
    keys[event.key]();
  });
  // While playing the player leads; what comes back from the kernel then may be a frame already left behind.
  const onFrame = () => { if (!playing && model.get("frame") !== frame) goTo(model.get("frame")); };
  const onHover = () => hover(joints.indexOf(model.get("hovered_joint")));
  model.on("change:frame", onFrame);
  model.on("change:hovered_joint", onHover);
  const watch = new ResizeObserver(draw);
  watch.observe(canvas);
  hovered = joints.indexOf(model.get("hovered_joint"));
  goTo(model.get("frame"));
  if (hovered >= 0) describe();
  return () => {
    cancelAnimationFrame(request);
    watch.disconnect();
    model.off("change:frame", onFrame);
    model.off("change:hovered_joint", onHover);
  };
}

export default { render };
