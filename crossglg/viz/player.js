// Skeleton player on canvas 2-D without dependencies. anywidget calls render(); so does the self-contained page.
// Front view is the sensor's: x runs to the left, y up, z away, so the left of a person facing it is on the right.
const FRONT = { yaw: 0, pitch: 0.12, zoom: 1 };
const HINT = "Drag to turn, double-click for the front view, Ctrl + wheel to zoom. Click a joint or a cell to keep it lit. "
  + "Space: play or pause. ← →: step. Shift + ← →: turn. ↑ ↓: tilt. I O: zoom. + −: speed. S: sort. A: attention. "
  + "Front view: the left side of a person facing the sensor is on the right.";
const SPEEDS = [0.25, 0.5, 1, 2], FILES = ["PNG", "SVG", "GIF"], SIZE = 360; // SIZE: of a body in a file, in pixels
const JOINTS = "joints and time", ATTENTION = "attention"; // the views: what is shown beside the bodies

function render({ model, el }) {
  const state = { ...FRONT, speed: 1, shows: "", playing: false }; // survives new data
  let stop = build(model, el, state);
  const renew = () => {
    const focused = el.contains(document.activeElement);
    stop();
    el.replaceChildren();
    stop = build(model, el, state);
    if (focused) el.querySelector(".view canvas").focus();
  };
  const events = ["change:data", "change:view", "change:sorted"], dark = window.matchMedia("(prefers-color-scheme: dark)");
  const themes = new MutationObserver(renew);
  for (const event of events) model.on(event, renew);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  dark.addEventListener("change", renew);
  return () => {
    for (const event of events) model.off(event, renew);
    themes.disconnect();
    dark.removeEventListener("change", renew);
    stop();
  };
}

function build(model, el, state) {
  const { panels, frames, joints, bones, parts, sides, ...data } = model.get("data");
  const count = joints.length, bodies = panels.map(bodyOf), scales = scalesOf(panels), fps = panels[0].fps;
  const radius = Math.max(...bodies.map((body) => body.radius)); // the same size in all panels
  const maps = panels.map((panel) => mapsOf(panel.attention, count));
  const looks = maps[0] && model.get("view") === ATTENTION; // at joints × joints instead of joints × time
  const kinds = KINDS.filter((kind) => panels.some((panel) => panel[kind]));
  const letter = (i) => (panels.length > 1 ? `${"ABCD"[i]} · ` : "");
  if (!kinds.includes(state.shows)) state.shows = kinds[0] ?? "";
  const order = model.get("sorted") ? sorted() : data.order;
  const ROW = Math.min(Math.max(Math.floor(350 / count), 11), 18); // height of a joint's row
  let frame = 0, hovered = -1, selected = -1, position = 0, last = 0, sent = 0, request = 0;

  // ---- values
  const lit = () => (hovered >= 0 ? hovered : selected);
  const frameOf = (panel, at = frame) => Math.floor((at / fps) * panel.fps + 1e-6); // in the panel's own frames
  const shownFrame = (panel, at = frame) => Math.min(frameOf(panel, at), panel.shape[1] - 1); // a shorter clip waits
  function valueOf(i, kind, j, at = frame) { // undefined where the panel has none
    const panel = panels[i];
    if (kind === ATTENTION) return attentionOf(i, j);
    if (kind !== "over_time") return panel[kind]?.values[j];
    const step = panel.over_time ? stepOf(panel.over_time, shownFrame(panel, at)) : undefined;
    return step === undefined ? undefined : panel.over_time.values[step * count + j];
  }
  function sorted() { // the most important first, by what the first panel knows
    const values = KINDS.map((kind) => panels[0][kind]).find((known) => known && known.values.length === count)?.values;
    return values ? [...data.order].sort((a, b) => values[b] - values[a]) : data.order;
  }
  const scale = (i, kind) => (kind === ATTENTION ? maps[i]?.scale(...chosen(i)) : scales[panels[i][kind]?.of]);
  const show = (i, kind, value) => (value === undefined ? "–" : scale(i, kind).show(value));
  const shown = (i) => (looks && maps[i] ? ATTENTION : state.shows);
  function levelOf(i, j) {
    const value = valueOf(i, shown(i), j);
    if (value === undefined) return scale(i, shown(i)) ? 0 : 0.2;
    return Math.min(Math.max(scale(i, shown(i)).level(value), 0), 1);
  }
  const colorOf = (i, j) => (scale(i, shown(i)) ? `rgb(${colorAt(ramp, levelOf(i, j))})` : theme.ink);

  // ---- attention: which block and head, and what it is from and to a joint
  function chosen(i) {
    const block = Math.min(model.get("block") || 1, maps[i].blocks.length) - 1;
    return [block, Math.min(model.get("head"), maps[i].blocks[block].heads) - 1]; // head 0: the mean of all
  }
  function mapOf(i, at = frame) { // joints × joints, or undefined where nothing is known
    if (!maps[i]) return undefined;
    const [block, head] = chosen(i), step = maps[i].step(block, shownFrame(panels[i], at));
    return step === undefined ? undefined : maps[i].at(block, head, step);
  }
  function attentionOf(i, j) { // between joint j and the lit one; without one, what j gets from all
    const map = mapOf(i), to = lit();
    if (!map) return undefined;
    if (to >= 0) return model.get("direction") === "to" ? map[j * count + to] : map[to * count + j];
    return map.reduce((sum, value, k) => sum + (k % count === j ? Math.abs(value) : 0), 0) / count;
  }
  function arcsOf(i) { // [from, to, value], the strongest; of the lit joint, or of all
    const map = mapOf(i), j = lit(), of = panels[i].attention;
    if (!map || of.rows !== "joint") return [];
    const pairs = [];
    map.forEach((value, k) => {
      const [from, to] = [Math.floor(k / count), k % count];
      if (from !== to && (j < 0 || (model.get("direction") === "to" ? to : from) === j)) pairs.push([from, to, value]);
    });
    return pairs.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2])).slice(0, j < 0 ? 15 : count);
  }

  // ---- page
  const titles = panels.map((panel, i) => letter(i) + panel.title);
  const name = titles.filter(Boolean).join("; ");
  const root = make("div", el, { class: "skeleton-player", role: "group", "data-lm-suppress-shortcuts": "true" });
  root.setAttribute("aria-label", `Skeleton player${name ? `: ${name}` : ""}`);
  const theme = themeOf(root), ramp = theme.dark ? [...data.ramp].reverse() : data.ramp; // what matters stands out
  const stage = make("div", root, { class: "stage", "data-panels": panels.length });
  const left = make("div", stage, { class: "left" }), views = make("div", left, { class: "views" });
  const canvases = panels.map((panel, i) => {
    const view = make("div", views, { class: "view" });
    if (titles[i]) make("p", view, { class: "title", title: titles[i] }, titles[i]);
    if (panel.subtitle) make("p", view, { class: "subtitle", "data-verdict": panel.verdict }, panel.subtitle);
    const about = `${titles[i] || "Skeleton"}, frames: ${panel.shape[1]}, persons: ${panel.shape[0]}`;
    return make("canvas", view, { tabindex: 0, role: "img", "aria-label": about });
  });
  const controls = make("div", left, { class: "controls" });
  const button = make("button", controls, { type: "button" });
  const slider = make("input", controls, { type: "range", min: 0, max: frames - 1, step: 1, "aria-label": "Frame" });
  const time = make("span", controls, { class: "time" });
  function choice(parent, label, options, value, changed) { // options: [value, text]
    const box = make("select", parent, { "aria-label": label, title: label });
    for (const [option, text] of options) make("option", box, { value: option }, text);
    box.value = value;
    box.addEventListener("change", () => changed(box.value));
    return box;
  }
  const tools = make("div", left, { class: "controls" });
  const speed = choice(tools, "Speed", SPEEDS.map((factor) => [factor, `${factor}×`]), state.speed,
    (value) => { state.speed = Number(value); });
  if (maps[0]) choice(tools, "View", [[JOINTS, JOINTS], [ATTENTION, ATTENTION]], looks ? ATTENTION : JOINTS,
    (value) => tell("view", value));
  const sort = make("button", tools, { type: "button", "aria-pressed": model.get("sorted") }, "Sort");
  sort.title = "Sort joints by importance, or by body part";
  const exporting = choice(tools, "Save picture", [["", "Save …"], ...FILES.map((file) => [file, file])], "", (file) => {
    exporting.value = "";
    savePicture(file);
  });
  const table = make("div", stage, { class: "table" });
  const columns = looks ? [0] : panels.map((panel, i) => i).filter((i) => panels[i].over_time);
  const bars = looks ? 1 : kinds.length && panels.length, listWidth = 105 + 62 * bars;
  table.style.gridTemplateColumns = `minmax(${listWidth}px, ${looks ? 0.7 : 1}fr) `
    + (looks ? "minmax(150px, 1.3fr) minmax(80px, 0.7fr)" : `repeat(${columns.length}, minmax(50px, 1.2fr))`);
  const head = make("div", table), rowColumns = `8.2em repeat(${bars}, minmax(16px, 1fr) 3.3em)`;
  const legends = make("div", head);
  function legend(parent, text, { low, high, show }, about = ["least", "most"]) {
    const box = make("div", parent, { class: "legend" });
    make("b", box, {}, text);
    make("span", box, { title: about[0] }, show(low));
    make("i", box).style.background = `linear-gradient(to right, ${ramp})`;
    make("span", box, { title: about[1] }, show(high));
  }
  const shows = !looks && kinds.length > 1 ? choice(tools, "Color joints by",
    kinds.map((kind) => [kind, `color: ${panels.find((panel) => panel[kind])[kind].of}`]), state.shows, showKind) : null;
  if (looks) {
    const { blocks } = maps[0], [block, headNow] = chosen(0), { rows } = panels[0].attention;
    const set = (key) => (value) => tell(key, key === "direction" ? value : Number(value));
    const from = rows === "text" ? [["from", "text looks at"], ["to", "joint is seen by"]] : [["from", "looks at"], ["to", "is seen by"]];
    choice(tools, "Direction", from, model.get("direction"), set("direction"));
    choice(tools, "Block", blocks.map((_, b) => [b + 1, `block ${b + 1} of ${blocks.length}`]), block + 1, set("block"));
    const heads = Array.from({ length: blocks[block].heads }, (_, h) => [h + 1, `head ${h + 1}`]);
    choice(tools, "Head", [[0, "mean of heads"], ...heads], headNow + 1, set("head"));
  } else if (bars > 1) {
    const letters = make("div", head, { class: "letters", style: `grid-template-columns: ${rowColumns}` });
    panels.forEach((panel, i) => make("b", letters, { style: `grid-column: ${2 + 2 * i}` }, "ABCD"[i]));
  }
  const mapLegends = columns.map((i) => make("div", table));
  if (looks) make("div", table, { class: "legend" }, "blocks ↓, heads →");
  const list = make("ol", table, { "aria-label": "Joints", role: "listbox" });
  list.style.setProperty("--row", `${ROW}px`);
  const rows = order.map((j, place) => {
    const row = make("li", list, { "data-joint": joints[j], role: "option", tabindex: place ? -1 : 0 });
    make("span", row, {}, joints[j]);
    row.style.gridTemplateColumns = rowColumns;
    const cells = panels.slice(0, bars).map((panel) => {
      const cell = make("div", row), bar = make("i", cell), mark = panel.target ? make("b", cell) : null;
      return { bar, mark, value: make("span", row) };
    });
    row.addEventListener("pointerenter", () => hover(j));
    row.addEventListener("focus", () => hover(j));
    row.addEventListener("pointerleave", () => hover(-1));
    row.addEventListener("blur", () => hover(-1));
    row.addEventListener("click", () => select(j === selected ? -1 : j));
    return { row, cells };
  });
  const heats = columns.map((i) => {
    const about = looks ? `${panels[0].attention.of}: a row for each joint that receives, a column for each it looks at`
      : `${letter(i)}${panels[i].over_time.of}: joints down, time to the right`;
    const canvas = make("canvas", table, { class: looks ? "heat matrix" : "heat", role: "img", "aria-label": about });
    canvas.style.height = `${ROW * count}px`;
    const cells = looks ? null : cellsOf(panels[i].over_time.steps, count, (x, y) => (
      colorAt(ramp, scale(i, "over_time").level(panels[i].over_time.values[x * count + order[y]]))));
    return { canvas, cells, i };
  });
  const heads = looks ? make("canvas", table, { class: "heads", role: "img", "aria-label": "All blocks and heads; click one" }) : null;
  if (heads) heads.style.height = `${ROW * count}px`;
  if (heats.length) make("span", table); // below the joints' names: nothing
  const axes = heats.map(() => make("div", table, { class: looks ? "axis parts" : "axis" }));
  const note = make("output", root, { class: "note", "aria-live": "polite" }); // last, so that its length moves nothing

  // ---- drawing
  function drawAxes() { // as many ticks as there is room for
    for (const axis of axes) {
      const room = axis.clientWidth, seconds = frames / fps;
      const times = ticksOf(seconds, Math.max(1, room / 42)).map((at) => [`${at} s`, at / seconds]);
      const starts = model.get("sorted") ? [] : parts.map(([part, first]) => [part, first / count]);
      axis.replaceChildren();
      for (const [text, share] of looks ? starts : times.filter(([, at]) => (1 - at) * room > 38)) {
        const early = share < 0.8; // the last body part is named before its tick
        const style = early ? `left: ${100 * share}%` : `right: ${100 - 100 * share}%`;
        make("span", axis, { style, class: early ? "" : "before", title: text }, text);
      }
    }
  }
  function draw() {
    canvases.forEach((canvas, i) => {
      paintBody(penOf(canvas), i, { x: 0, y: 0, width: canvas.clientWidth, height: canvas.clientHeight });
      canvas.dataset.frame = shownFrame(panels[i]);
    });
    heats.forEach(looks ? drawMatrix : drawHeat);
    if (looks || state.shows === "over_time") drawBars();
    slider.value = frame;
    const clock = `${(frame / fps).toFixed(2)} s`;
    slider.setAttribute("aria-valuetext", `frame ${frame}, ${clock}`);
    time.textContent = `frame ${frame} / ${frames - 1} · ${clock}`;
  }
  function paintBody(pen, i, { x: originX, y: originY, width, height }) {
    const panel = panels[i], body = bodies[i], t = shownFrame(panel), size = Math.min(width, height);
    const [sy, cy, sp, cp] = [Math.sin(state.yaw), Math.cos(state.yaw), Math.sin(state.pitch), Math.cos(state.pitch)];
    const project = ([x, y, z]) => { // millimeters to CSS pixels; `near` is larger for points nearer to the viewer
      const [right, up, toward] = [body.center[0] - x, y - body.center[1], body.center[2] - z];
      const across = right * cy + toward * sy, depth = toward * cy - right * sy, near = up * sp + depth * cp;
      const zoom = (state.zoom * 0.42 * size / radius) * (5 * radius) / Math.max(5 * radius - near, radius);
      return { x: originX + width / 2 + across * zoom, y: originY + height / 2 - (up * cp - depth * sp) * zoom, near };
    };
    paintFloor(pen, body, project);
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
      if (looks) paintArcs(pen, i, points);
      body.drawn.push(...points);
    }
    body.drawn.sort((a, b) => (a.j === lit()) - (b.j === lit()) || a.near - b.near); // the lit joint on top
    for (const { x, y, j } of body.drawn) {
      pen.beginPath();
      pen.arc(x, y, (3.5 + 8 * levelOf(i, j)) * Math.min(1, size / 260), 0, 2 * Math.PI);
      pen.fillStyle = colorOf(i, j);
      pen.fill();
      pen.lineWidth = j === lit() ? 3 : 0.8;
      pen.strokeStyle = j === lit() ? LIT : theme.ink;
      pen.stroke();
    }
    for (const point of body.drawn) if (point.j === lit()) paintLabel(pen, point, i, { x: originX, y: originY, width });
  }
  function paintFloor(pen, { center: [x, , z], floor }, project) { // half-meter squares under the lowest joint
    const reach = 500 * Math.ceil(radius / 500);
    pen.strokeStyle = theme.floor;
    pen.lineWidth = 1;
    for (let i = -reach; i <= reach; i += 500) {
      line(pen, project([x + i, floor, z - reach]), project([x + i, floor, z + reach]));
      line(pen, project([x - reach, floor, z + i]), project([x + reach, floor, z + i]));
    }
  }
  function paintArcs(pen, i, points) {
    if (!maps[i]) return;
    const { low, high } = scale(i, ATTENTION), most = Math.max(high, -low);
    pen.globalAlpha = 0.7;
    for (const [from, to, value] of arcsOf(i)) {
      const width = 7 * Math.min(Math.abs(value) / most, 1);
      if (width < 0.4) continue;
      pen.lineWidth = width;
      pen.strokeStyle = value < 0 ? AGAINST : LIT;
      arc(pen, points[from], points[to]);
    }
    pen.globalAlpha = 1;
  }
  function paintLabel(pen, { x, y, j }, i, { x: originX, y: top, width }) { // beside the body, or above it
    const kind = shown(i), text = scale(i, kind) ? `${joints[j]} ${show(i, kind, valueOf(i, kind, j))}` : joints[j];
    pen.font = "600 13px 'DejaVu Sans', system-ui, sans-serif";
    const wide = pen.measureText(text).width, across = bodies[i].drawn.map((point) => point.x);
    const [least, most] = [Math.min(...across), Math.max(...across)], right = x >= (least + most) / 2;
    const edge = right ? most + 14 : least - 14 - wide; // where the text begins
    const from = Math.min(Math.max(edge, originX + 4), originX + width - wide - 4), beside = from === edge;
    const end = beside ? { x: right ? from : from + wide, y } : { x: from + wide / 2, y: top + 20 };
    pen.lineWidth = 1;
    pen.strokeStyle = LIT;
    line(pen, { x, y }, end);
    pen.textAlign = "left";
    outlined(pen, text, from, end.y - 4, theme.ink, theme.paper);
  }
  function drawHeat({ canvas, cells, i }) { // all panels on one time axis; a frame takes the same room in each
    const pen = penOf(canvas), wide = canvas.clientWidth, high = canvas.clientHeight, panel = panels[i];
    const x = (t) => (t / panel.fps) * fps * (wide / frames), [from, to] = panel.over_time.span;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(cells, x(from), 0, x(to) - x(from), high);
    outlineRow(pen, wide);
    const now = x(shownFrame(panel) + 0.5), ends = [{ x: now, y: 0 }, { x: now, y: high }];
    for (const [width, color] of [[4, "#ffffff"], [2, "#222222"]]) { // the present: seen on light and on dark cells
      [pen.lineWidth, pen.strokeStyle] = [width, color];
      line(pen, ...ends);
    }
  }
  function outlineRow(pen, wide) {
    const row = order.indexOf(lit());
    [pen.lineWidth, pen.strokeStyle] = [2, LIT];
    if (row >= 0) pen.strokeRect(1, ROW * row + 1, wide - 2, ROW - 2);
  }
  function drawMatrix({ canvas }) {
    const pen = penOf(canvas), wide = canvas.clientWidth, high = canvas.clientHeight, map = mapOf(0);
    if (map) {
      const { level } = scale(0, ATTENTION);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(cellsOf(count, count, (x, y) => colorAt(ramp, level(map[order[y] * count + order[x]]))), 0, 0, wide, high);
    }
    const column = order.indexOf(lit());
    if (model.get("direction") !== "to") outlineRow(pen, wide);
    else if (column >= 0) {
      [pen.lineWidth, pen.strokeStyle] = [2, LIT];
      pen.strokeRect((column * wide) / count + 1, 1, wide / count - 2, high - 2);
    }
  }
  const across = looks ? Math.max(...maps[0].blocks.map((block) => block.heads)) : 0;
  function headAt({ offsetX, offsetY }) { // [block, head] of the small maps, or none
    const block = Math.floor((offsetY / heads.clientHeight) * maps[0].blocks.length);
    const h = Math.floor((offsetX / heads.clientWidth) * across);
    return h < maps[0].blocks[block]?.heads ? [block, h] : null;
  }
  function drawHeads() { // every head of every block, at the middle of the clip
    if (!heads) return;
    const pen = penOf(heads), [block, headNow] = chosen(0), { blocks } = maps[0];
    const [w, h] = [heads.clientWidth / across, heads.clientHeight / blocks.length];
    pen.imageSmoothingEnabled = false;
    blocks.forEach(({ heads: number, steps }, b) => {
      for (let k = 0; k < number; k++) {
        const map = maps[0].at(b, k, Math.floor(steps / 2)), { level } = maps[0].scale(b, k);
        const cells = cellsOf(count, count, (x, y) => colorAt(ramp, level(map[order[y] * count + order[x]])));
        pen.drawImage(cells, k * w + 2, b * h + 2, w - 4, h - 4);
        if (b === block && (headNow < 0 || k === headNow)) {
          [pen.lineWidth, pen.strokeStyle] = [3, LIT];
          pen.strokeRect(k * w + 1.5, b * h + 1.5, w - 3, h - 3);
        }
      }
    });
  }
  function redrawAttention() { // another block, head or direction
    const [block, headNow] = chosen(0);
    const boxes = { Block: block + 1, Head: headNow + 1, Direction: model.get("direction") };
    for (const [label, value] of Object.entries(boxes)) {
      const box = tools.querySelector(`select[aria-label="${label}"]`);
      if (box) box.value = value;
    }
    mapLegends[0].replaceChildren();
    legend(mapLegends[0], panels[0].attention.of, scale(0, ATTENTION), ["least", "most, apart from what a joint gives itself"]);
    drawHeads();
    describe();
    draw();
  }
  const mostAsked = Math.max(0, ...panels.flatMap((panel) => panel.target?.values ?? []));
  function drawBars() {
    rows.forEach(({ cells }, place) => cells.forEach(({ bar, mark, value }, i) => {
      const kind = shown(i), j = order[place], amount = valueOf(i, kind, j);
      const asked = mark && kind === "importance" ? panels[i].target.values[j] : 0;
      const most = Math.max(scale(i, kind)?.high ?? 0, kind === "importance" ? mostAsked : 0);
      const share = (x) => `${most > 0 ? Math.min(100, (100 * Math.max(0, x ?? 0)) / most) : 0}%`;
      bar.style.width = share(amount);
      bar.style.background = colorOf(i, j);
      if (mark) [mark.style.left, mark.hidden] = [share(asked), !asked];
      value.textContent = scale(i, kind) ? show(i, kind, amount) : "";
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
  function describe(at = frame, other = -1) { // other: the joint that the lit one looks at, in the matrix
    const j = lit();
    note.textContent = j < 0 ? HINT : "";
    note.classList.toggle("hint", j < 0);
    if (j < 0) return;
    make("b", note, {}, joints[j]);
    if (looks && other >= 0) {
      const [block, headNow] = chosen(0), value = mapOf(0)?.[j * count + other];
      const from = panels[0].attention.rows === "text" ? `the text of ${joints[j]}` : joints[j];
      const where = `block ${block + 1}, ${headNow < 0 ? "mean of heads" : `head ${headNow + 1}`}`;
      make("div", note, {}, `${from} looks at ${joints[other]}: ${show(0, ATTENTION, value)} (${where}, ${(at / fps).toFixed(2)} s)`);
    }
    (looks ? panels.slice(0, 1) : panels).forEach((panel, i) => {
      const values = KINDS.filter((kind) => panel[kind]).map((kind) => (
        `${panel[kind].of}: ${show(i, kind, valueOf(i, kind, j, at))}`
        + (kind === "over_time" ? ` at ${(at / fps).toFixed(2)} s` : "")));
      const sentence = i && panel.texts[joints[j]] === panels[0].texts[joints[j]] ? "" : panel.texts[joints[j]];
      if (!values.length && !sentence) return;
      const words = make("div", note, {}, letter(i) + values.join("; ") + (values.length && sentence ? ". " : ""));
      if (sentence) make("q", words, {}, sentence);
    });
  }
  function showKind(kind) {
    state.shows = kind;
    if (shows) shows.value = kind;
    legends.replaceChildren();
    for (const of of new Set(panels.map((panel) => panel[kind]?.of).filter(Boolean))) legend(legends, of, scales[of]);
    if (kind === "importance" && panels.some((panel) => panel.target)) {
      make("span", legends, { class: "marks" }, panels.find((panel) => panel.target).target.of);
    }
    drawBars();
    draw();
  }

  // ---- files
  function savePicture(file) {
    const title = (titles[0] || "skeleton").replace(/[^\w]+/g, "_").replace(/^_|_$/g, "").slice(0, 60);
    const width = SIZE * panels.length, bodyHeight = SIZE + 24, mapHeight = heats.length ? ROW * count + 30 : 0;
    const canvas = Object.assign(document.createElement("canvas"), { width, height: bodyHeight + mapHeight });
    if (file === "SVG") {
      const pen = paintPicture(new SvgPen(width, bodyHeight + mapHeight), true);
      return keep(root, `${title}.svg`, String(pen), "image/svg+xml");
    }
    if (file === "PNG") {
      [canvas.width, canvas.height] = [2 * canvas.width, 2 * canvas.height];
      const pen = canvas.getContext("2d");
      pen.scale(2, 2);
      paintPicture(pen, true);
      return canvas.toBlob((blob) => keep(root, `${title}.png`, blob, "image/png"));
    }
    canvas.height = bodyHeight;
    const pen = canvas.getContext("2d", { willReadFrequently: true }), before = frame;
    const every = Math.max(1, Math.ceil(frames / 60), Math.round(fps / 15)), pictures = [];
    for (frame = 0; frame < frames; frame += every) {
      paintPicture(pen, false);
      pictures.push(pen.getImageData(0, 0, width, bodyHeight).data);
    }
    frame = before;
    draw();
    return keep(root, `${title}.gif`, gifOf(pictures, width, bodyHeight, every / fps / state.speed), "image/gif");
  }
  function paintPicture(pen, withMap) { // bodies side by side, and the first map below them
    const width = SIZE * panels.length;
    pen.fillStyle = theme.paper;
    pen.fillRect(0, 0, width, SIZE + 24 + (withMap && heats.length ? ROW * count + 30 : 0));
    panels.forEach((panel, i) => {
      paintBody(pen, i, { x: SIZE * i, y: 24, width: SIZE, height: SIZE });
      pen.font = "600 13px 'DejaVu Sans', system-ui, sans-serif";
      outlined(pen, [titles[i], panel.subtitle].filter(Boolean).join(" · ").slice(0, 52), SIZE * i + 8, 17, theme.ink, theme.paper);
    });
    if (!withMap || !heats.length) return pen;
    const map = looks ? mapOf(0) : null, i = columns[0], known = panels[i].over_time;
    const steps = looks ? count : known.steps, { level } = scale(i, looks ? ATTENTION : "over_time");
    const value = (x, y) => (looks ? map?.[order[y] * count + order[x]] ?? 0 : known.values[x * count + order[y]]);
    const start = 130, cell = (width - start - 8) / steps;
    order.forEach((j, y) => {
      const top = SIZE + 44 + ROW * y;
      pen.font = "400 11px 'DejaVu Sans', system-ui, sans-serif";
      pen.fillStyle = theme.ink;
      pen.fillText(joints[j], 8, top + ROW - 4);
      for (let x = 0; x < steps; x++) {
        pen.fillStyle = `rgb(${colorAt(ramp, level(value(x, y)))})`;
        pen.fillRect(start + cell * x, top, cell + 0.3, ROW + 0.3);
      }
    });
    pen.font = "600 11px 'DejaVu Sans', system-ui, sans-serif";
    pen.fillStyle = theme.ink;
    pen.fillText(looks ? panels[0].attention.of : known.of, start, SIZE + 38);
    return pen;
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
  function zoom(factor) {
    state.zoom = Math.min(Math.max(state.zoom * factor, 0.5), 6);
    draw();
  }
  function faster(steps) {
    const place = Math.min(Math.max(SPEEDS.indexOf(state.speed) + steps, 0), SPEEDS.length - 1);
    speed.value = state.speed = SPEEDS[place];
  }

  // ---- input
  button.addEventListener("click", () => play(!state.playing));
  sort.addEventListener("click", () => tell("sorted", !model.get("sorted")));
  slider.addEventListener("input", () => { const value = Number(slider.value); play(false); goTo(value); });
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
    canvas.addEventListener("wheel", (event) => { // also the pinch of a touch pad
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(Math.exp(-0.002 * event.deltaY));
    }, { passive: false });
  });
  for (const { canvas } of heats) {
    const place = (share) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    const jointAt = ({ offsetY }) => order[place(offsetY / canvas.clientHeight)];
    const otherAt = ({ offsetX }) => (looks ? order[place(offsetX / canvas.clientWidth)] : -1);
    const frameAt = ({ offsetX }) => (looks ? frame
      : Math.min(Math.max(Math.floor((offsetX / canvas.clientWidth) * frames), 0), frames - 1));
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => { // dragging scrubs
      if (event.buttons && !looks) {
        play(false);
        goTo(frameAt(event));
      }
      hover(jointAt(event));
      describe(frameAt(event), otherAt(event));
    });
    canvas.addEventListener("pointerleave", () => hover(-1));
    canvas.addEventListener("click", (event) => {
      if (!looks) play(false);
      select(jointAt(event));
      goTo(frameAt(event));
      describe(frame, otherAt(event));
    });
  }
  heads?.addEventListener("click", (event) => {
    const found = headAt(event);
    if (!found) return;
    tell("block", found[0] + 1);
    tell("head", found[1] + 1);
  });
  root.addEventListener("keydown", (event) => {
    const row = rows.findIndex((each) => each.row === event.target); // in the list ↑ and ↓ go from joint to joint
    const stay = (place) => rows[Math.min(Math.max(place, 0), rows.length - 1)].row.focus();
    const step = (by) => { play(false); goTo((frame + by + frames) % frames); };
    const keys = {
      " ": () => play(!state.playing),
      ArrowLeft: () => (event.shiftKey ? turn(-0.2, 0) : step(-1)),
      ArrowRight: () => (event.shiftKey ? turn(0.2, 0) : step(1)),
      ArrowUp: () => (row >= 0 ? stay(row - 1) : turn(0, 0.15)),
      ArrowDown: () => (row >= 0 ? stay(row + 1) : turn(0, -0.15)),
      "+": () => faster(1),
      "=": () => faster(1), // + without the shift key
      "-": () => faster(-1),
      i: () => zoom(1.2),
      o: () => zoom(1 / 1.2),
      s: () => tell("sorted", !model.get("sorted")),
      a: () => maps[0] && tell("view", looks ? JOINTS : ATTENTION),
      Escape: () => select(-1),
      ...(row >= 0 && { Enter: () => event.target.click() }),
    };
    const native = event.target.tagName === "SELECT" || (event.target === slider && event.key.startsWith("Arrow"))
      || (event.target.tagName === "BUTTON" && event.key === " ");
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
    ...(looks && { "change:block": redrawAttention, "change:head": redrawAttention, "change:direction": redrawAttention }),
  };
  for (const [event, react] of Object.entries(told)) model.on(event, react);
  const watch = new ResizeObserver(() => { drawAxes(); drawHeads(); draw(); });
  for (const canvas of [...canvases, ...heats.map((heat) => heat.canvas)]) watch.observe(canvas);
  hovered = joints.indexOf(model.get("hovered_joint"));
  selected = joints.indexOf(model.get("selected_joint"));
  frame = Math.min(model.get("frame"), frames - 1);
  if (looks) redrawAttention();
  else {
    heats.forEach(({ i }, k) => legend(mapLegends[k], letter(i) + panels[i].over_time.of, scale(i, "over_time")));
    showKind(state.shows);
  }
  drawLit();
  play(state.playing);
  return () => {
    cancelAnimationFrame(request);
    watch.disconnect();
    for (const [event, react] of Object.entries(told)) model.off(event, react);
  };
}

export default { render };
