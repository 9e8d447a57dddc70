// What the player draws with: pens, colors, scales, bodies and maps read from the data, files to keep. No state.
const BONES = ["#8a8a8a", "#b9a58a"]; // first person, second person
const LIT = "#d55e00", AGAINST = "#0072b2"; // the lit joint and its arcs; arcs of negative attention
const KINDS = ["importance", "target", "over_time"]; // what a panel may know of its joints: a number, or one per step

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

function arc(pen, a, b) { // a bow between two joints
  const bend = 0.2, middle = { x: (a.x + b.x) / 2 + bend * (b.y - a.y), y: (a.y + b.y) / 2 - bend * (b.x - a.x) };
  pen.beginPath();
  pen.moveTo(a.x, a.y);
  pen.quadraticCurveTo(middle.x, middle.y, b.x, b.y);
  pen.stroke();
}

function outlined(pen, text, x, y, ink, paper) {
  pen.lineWidth = 4;
  pen.strokeStyle = paper;
  pen.strokeText(text, x, y);
  pen.fillStyle = ink;
  pen.fillText(text, x, y);
}

function colorAt(ramp, share) { // share 0 … 1 → [red, green, blue]
  const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1), i = Math.min(Math.floor(at), ramp.length - 2);
  const part = (hex, k) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
  return [0, 1, 2].map((k) => Math.round(part(ramp[i], k) + (at - i) * (part(ramp[i + 1], k) - part(ramp[i], k))));
}

function themeOf(root) { // the colors that the page gives to the player; a notebook puts it into the page later
  const probe = root.isConnected ? root : make("div", document.body, { class: root.className });
  const style = getComputedStyle(probe), [r, g, b] = style.backgroundColor.match(/[\d.]+/g).map(Number);
  const floor = style.getPropertyValue("--floor"), { color: ink, backgroundColor: paper } = style;
  const theme = { ink, paper, floor, dark: r + g + b < 384 };
  if (probe !== root) probe.remove();
  return theme;
}

function scaleOf(low, high) { // from the least to the most; `show` writes a value with as many digits as that needs
  const digits = Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(high) || 1)), 0), 6);
  const level = (value) => (high > low ? (value - low) / (high - low) : 0.5);
  return { low, high, level, show: (value) => value.toFixed(digits) };
}

function scalesOf(panels) { // by the name of the quantity: panels that show the same one share its scale
  const values = {};
  for (const known of panels.flatMap((panel) => KINDS.map((kind) => panel[kind]).filter(Boolean))) {
    values[known.of] = [...(values[known.of] ?? []), ...known.values];
  }
  const least = (all) => all.reduce((a, b) => Math.min(a, b)), most = (all) => all.reduce((a, b) => Math.max(a, b));
  return Object.fromEntries(Object.entries(values).map(([of, all]) => [of, scaleOf(least(all), most(all))]));
}

function stepOf({ steps, span: [from, to] }, t) { // which of the steps that share out the frames of the span; or none
  return t < from || t >= to ? undefined : Math.floor(((t - from) / (to - from)) * steps);
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function bodyOf(panel) { // the clip itself: millimeters, who is seen when, and the space it takes
  const [persons, frames, count] = panel.shape, xyz = new Int16Array(bytesOf(panel.xyz).buffer);
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
  const center = lowest.map((value, axis) => (anyone ? (value + highest[axis]) / 2 : 0));
  const half = lowest.map((value, axis) => (anyone ? (highest[axis] - value) / 2 : 1000));
  const radius = Math.max(half[1], Math.hypot(half[0], half[2]), 1);
  return { persons, point, isSeen, center, radius, floor: center[1] - half[1], drawn: [] };
}

function mapsOf(attention, count) { // joints × joints of a block and head (−1: the mean of the heads) at a step
  if (!attention) return null;
  const cells = count * count, known = new Map();
  const blocks = attention.blocks.map((block) => ({ ...block, values: new Int8Array(bytesOf(block.values).buffer) }));
  function at(block, head, step) {
    const key = `${block} ${head} ${step}`, { heads, most, values } = blocks[block];
    if (!known.has(key)) {
      const map = new Float32Array(cells);
      for (const h of head < 0 ? Array(heads).keys() : [head]) {
        const start = (step * heads + h) * cells, unit = most / 127 / (head < 0 ? heads : 1);
        for (let k = 0; k < cells; k++) map[k] += unit * values[start + k];
      }
      known.set(key, map);
    }
    return known.get(key);
  }
  function scale(block, head) { // of all steps; without the diagonal, where a joint looks at itself
    const key = `scale ${block} ${head}`;
    if (!known.has(key)) {
      let low = 0, high = 0;
      for (let step = 0; step < blocks[block].steps; step++) at(block, head, step).forEach((value, k) => {
        if (k % (count + 1)) [low, high] = [Math.min(low, value), Math.max(high, value)];
      });
      known.set(key, scaleOf(low, high || 1e-6));
    }
    return known.get(key);
  }
  const step = (block, t) => stepOf({ steps: blocks[block].steps, span: attention.span }, t);
  return { blocks, at, scale, step };
}

function cellsOf(columns, rows, color) { // a small picture, a pixel for each cell
  const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) image.data.set([...color(x, y), 255], 4 * (y * columns + x));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function ticksOf(seconds, most = 6) { // round times from 0 on
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((s) => seconds / s <= most) ?? seconds / most;
  return Array.from({ length: Math.floor(seconds / step + 1e-6) + 1 }, (_, i) => Number((i * step).toFixed(2)));
}

function modelOf(traits) { // what a notebook gives to the player, for a page of its own
  const listeners = {};
  return {
    get: (key) => traits[key],
    set(key, value) {
      traits[key] = value;
      for (const react of [...(listeners[`change:${key}`] ?? [])]) react();
    },
    save_changes() {},
    on(event, react) { (listeners[event] ??= []).push(react); },
    off(event, react) { listeners[event] = listeners[event].filter((other) => other !== react); },
  };
}

// ---- files to keep
class SvgPen { // what the player asks of a canvas's pen, written down as SVG
  constructor(width, height) {
    Object.assign(this, { width, height, parts: [], path: "", textAlign: "left" });
  }
  beginPath() { this.path = ""; }
  moveTo(x, y) { this.path += `M${x.toFixed(1)} ${y.toFixed(1)}`; }
  lineTo(x, y) { this.path += `L${x.toFixed(1)} ${y.toFixed(1)}`; }
  quadraticCurveTo(a, b, x, y) { this.path += `Q${[a, b, x, y].map((v) => v.toFixed(1)).join(" ")}`; }
  arc(x, y, r) { this.path += `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`; }
  stroke() {
    this.parts.push(`<path d="${this.path}" fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}" `
      + `stroke-opacity="${this.globalAlpha ?? 1}" stroke-linecap="round"/>`);
  }
  fill() { this.parts.push(`<path d="${this.path}" fill="${this.fillStyle}"/>`); }
  fillRect(x, y, width, height) {
    this.parts.push(`<rect x="${x.toFixed(2)}" y="${y.toFixed(2)}" width="${width.toFixed(2)}" `
      + `height="${height.toFixed(2)}" fill="${this.fillStyle}"/>`);
  }
  text(words, x, y, look) {
    const escaped = words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
    const [, weight, size] = this.font.match(/^(\d+) (\d+)px/);
    this.parts.push(`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-family="sans-serif" font-size="${size}" `
      + `font-weight="${weight}" text-anchor="${this.textAlign === "right" ? "end" : "start"}" ${look}>${escaped}</text>`);
  }
  strokeText(words, x, y) { this.text(words, x, y, `fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}"`); }
  fillText(words, x, y) { this.text(words, x, y, `fill="${this.fillStyle}"`); }
  measureText(words) { return { width: 7.5 * words.length }; }
  toString() {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" `
      + `viewBox="0 0 ${this.width} ${this.height}">${this.parts.join("")}</svg>`;
  }
}

function gifOf(pictures, width, height, seconds) { // RGBA pictures → bytes; 6 × 7 × 6 colors, forever
  const word = (value) => [value & 255, value >> 8], letters = (text) => [...text].map((letter) => letter.charCodeAt(0));
  const bytes = [...letters("GIF89a"), ...word(width), ...word(height), 0xf7, 0, 0];
  for (let k = 0; k < 256; k++) {
    bytes.push(...[Math.floor(k / 42) / 5, (Math.floor(k / 6) % 7) / 6, (k % 6) / 5].map((v) => Math.min(255, Math.round(255 * v))));
  }
  bytes.push(0x21, 0xff, 11, ...letters("NETSCAPE2.0"), 3, 1, 0, 0, 0);
  for (const rgba of pictures) {
    const pixels = new Uint8Array(width * height), level = (value, steps) => Math.round((value / 255) * steps);
    for (let k = 0; k < pixels.length; k++) {
      pixels[k] = 42 * level(rgba[4 * k], 5) + 6 * level(rgba[4 * k + 1], 6) + level(rgba[4 * k + 2], 5);
    }
    bytes.push(0x21, 0xf9, 4, 4, ...word(Math.max(2, Math.round(100 * seconds))), 0, 0);
    bytes.push(0x2c, 0, 0, 0, 0, ...word(width), ...word(height), 0, 8);
    const packed = packedOf(pixels);
    for (let at = 0; at < packed.length; at += 255) {
      const part = packed.slice(at, at + 255);
      bytes.push(part.length, ...part);
    }
    bytes.push(0);
  }
  return Uint8Array.from([...bytes, 0x3b]);
}

function packedOf(pixels) { // the variable-length LZW codes of a GIF, 8 bits a pixel
  const bytes = [], CLEAR = 256, END = 257;
  let codes = new Map(), next = END + 1, size = 9, buffer = 0, bits = 0, prefix = pixels[0];
  function emit(code) {
    buffer |= code << bits;
    for (bits += size; bits >= 8; bits -= 8, buffer >>= 8) bytes.push(buffer & 255);
  }
  emit(CLEAR);
  for (const pixel of pixels.subarray(1)) {
    const key = (prefix << 8) | pixel;
    if (codes.has(key)) {
      prefix = codes.get(key);
      continue;
    }
    emit(prefix);
    prefix = pixel;
    if (next === 4096) {
      emit(CLEAR);
      [codes, next, size] = [new Map(), END + 1, 9];
      continue;
    }
    if (next >= 1 << size) size++;
    codes.set(key, next++);
  }
  emit(prefix);
  emit(END);
  if (bits) bytes.push(buffer & 255);
  return bytes;
}

function keep(root, name, content, type) { // offers a file to the reader
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = make("a", root, { href: address, download: name, hidden: "" });
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
