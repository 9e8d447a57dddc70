// The camera's page: video in, MediaPipe's 33 world landmarks out to Python. Pictures stay here.
const FILES = ["pose.js", "pose_solution_packed_assets_loader.js", "pose_solution_simd_wasm_bin.js",
  "pose_solution_packed_assets.data", "pose_solution_simd_wasm_bin.wasm", "pose_web.binarypb"];
const TYPES = { js: "text/javascript", wasm: "application/wasm" };
const SEND_EVERY = 200; // milliseconds
const FILE_RATE = 30; // frames per second that are looked at in a video file
const JOINTS = 33;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function render({ model, el }) {
  const video = element("video", { muted: true, playsInline: true });
  const canvas = element("canvas");
  const start = element("button", { textContent: "Start camera" });
  const file = element("input", { type: "file", accept: "video/*" });
  const record = element("button", { textContent: "Record", disabled: true });
  const live = element("button", { textContent: "Recognize live" });
  const name = element("input", { type: "text", placeholder: "name of the action" });
  const enroll = element("button", { textContent: "Enroll", disabled: true });
  const save = element("button", { textContent: "Save clip", disabled: true });
  const status = element("div", { className: "quiet", role: "status" });
  const verdict = element("div", { className: "verdict" });
  const bars = element("div");
  const known = element("div", { className: "quiet" });
  el.replaceChildren(element("div", { className: "crossglg-camera" },
    element("div", {},
      element("div", { className: "stage" }, video, canvas),
      element("div", { className: "row" }, start, element("label", { className: "file" }, "Video file…", file), record, live),
      element("div", { className: "row" }, name, enroll, save), status),
    element("div", {}, verdict, bars, known)));

  let pose = null, stream = null, running = false, source = 0, taken = 0, takeStart = null, gone = false;
  let times = [], rows = [], sent = 0;
  const waiting = {};
  const say = (text) => { status.textContent = text; };

  // --- MediaPipe's files, from Python or from the public address, as addresses of this page ---
  function asset(file) {
    if (model.get("address")) return fetch(`${model.get("address")}/${file}`).then((answer) => {
      if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
      return answer.blob();
    });
    return new Promise((resolve) => { waiting[file] = resolve; model.send({ kind: "asset", name: file }); });
  }
  model.on("msg:custom", (content, buffers) => {
    if (content.kind === "asset" && waiting[content.name]) waiting[content.name](new Blob([buffers[0]]));
  });
  async function load() {
    if (pose) return;
    const landmarks = `pose_landmark_${model.get("quality")}.tflite`, addresses = {};
    for (const [k, file] of [...FILES, landmarks].entries()) {
      say(`loading MediaPipe Pose, ${k + 1} of ${FILES.length + 1}…`);
      const type = TYPES[file.split(".").pop()] || "application/octet-stream";
      addresses[file] = URL.createObjectURL(new Blob([await asset(file)], { type }));
    }
    if (!window.Pose) await new Promise((resolve, reject) => {
      document.head.append(element("script", { src: addresses["pose.js"], onload: resolve, onerror: reject }));
    });
    const loaded = new window.Pose({ locateFile: (file) => addresses[file] });
    loaded.setOptions({ modelComplexity: model.get("quality") === "lite" ? 0 : 1, smoothLandmarks: true });
    loaded.onResults(found);
    await loaded.initialize();
    pose = loaded;
  }

  // --- landmarks ---
  let now = 0;
  function found(result) {
    const row = new Float32Array(JOINTS * 4).fill(NaN);
    (result.poseWorldLandmarks || []).forEach((point, j) => row.set([point.x, point.y, point.z, point.visibility], 4 * j));
    times.push(now);
    rows.push(row);
    draw(result.poseLandmarks);
    if (performance.now() - sent > SEND_EVERY) flush();
  }
  function flush() {
    if (!rows.length) return;
    sent = performance.now();
    const all = new Float32Array(rows.length * JOINTS * 4);
    rows.forEach((row, k) => all.set(row, k * JOINTS * 4));
    model.send({ kind: "frames", times }, undefined, [all.buffer]);
    [times, rows] = [[], []];
  }
  function draw(points) {
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const pen = canvas.getContext("2d"), decided = model.get("decided_by");
    if (!points) return;
    const at = points.map((point) => [point.x * canvas.width, point.y * canvas.height]);
    pen.lineWidth = 3;
    pen.strokeStyle = "rgba(255, 255, 255, 0.85)";
    pen.beginPath();
    for (const [a, b] of model.get("bones")) { pen.moveTo(...at[a]); pen.lineTo(...at[b]); }
    pen.stroke();
    at.forEach((point, j) => {
      const strength = decided[j] || 0;
      pen.fillStyle = strength > 0.05 ? `rgba(213, 94, 0, ${0.35 + 0.65 * strength})` : "rgba(86, 180, 233, 0.9)";
      pen.beginPath();
      pen.arc(...point, 4 + 10 * strength, 0, 7);
      pen.fill();
    });
  }

  // --- camera and files ---
  const problem = (error) => { say(error.name === "NotAllowedError"
    ? "the browser does not allow the camera; allow it beside the page's address and start again"
    : error.name === "NotFoundError" ? "no camera was found; a video file works as well" : `${error.message || error}`); };
  async function camera() {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    await load();
    video.srcObject = stream;
    await video.play();
    for (const shown of [video, canvas]) shown.classList.add("mirrored");
    running = true;
    start.textContent = "Stop camera";
    record.disabled = false;
    say("camera on; only landmarks leave this page");
    const mine = ++source;
    while (running && mine === source && !gone) {
      now = performance.now() / 1000;
      await pose.send({ image: video });
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  function stop() {
    if (takeStart !== null) finish();
    running = false;
    stream?.getTracks().forEach((track) => track.stop());
    flush();
    start.textContent = "Start camera";
    record.disabled = true;
  }
  start.onclick = () => (running ? stop() : camera().catch(problem));
  function finish() {
    flush();
    model.send({ kind: "take", start: takeStart, end: performance.now() / 1000 });
    takeStart = null;
    after();
  }
  function after() {
    taken += 1;
    record.textContent = "Record";
    record.classList.remove("on");
    enroll.disabled = save.disabled = false;
  }
  record.onclick = () => {
    if (takeStart !== null) return finish();
    takeStart = performance.now() / 1000;
    record.textContent = "Stop";
    record.classList.add("on");
  };
  async function whole(chosen) {
    if (running) stop();
    await load();
    pose.reset();
    for (const shown of [video, canvas]) shown.classList.remove("mirrored");
    video.srcObject = null;
    video.src = URL.createObjectURL(chosen);
    await new Promise((resolve, reject) => { video.onloadeddata = resolve; video.onerror = () => reject(new Error(`${chosen.name} cannot be played`)); });
    const base = performance.now() / 1000, count = Math.max(1, Math.floor(video.duration * FILE_RATE));
    for (let k = 0; k < count && !gone; k++) {
      const seeked = new Promise((resolve) => { video.onseeked = resolve; });
      video.currentTime = k / FILE_RATE;
      await seeked;
      now = base + k / FILE_RATE;
      await pose.send({ image: video });
      say(`${chosen.name}: frame ${k + 1} of ${count}`);
    }
    flush();
    model.send({ kind: "take", start: base, end: base + count / FILE_RATE });
    after();
  }
  file.onchange = () => file.files[0] && whole(file.files[0]).catch(problem);
  live.onclick = () => { model.set("live", !model.get("live")); model.save_changes(); };
  enroll.onclick = () => name.value.trim()
    ? model.send({ kind: "enroll", name: name.value.trim() }) : say("give the action a name first");
  save.onclick = () => model.send({ kind: "save" });

  // --- what Python says ---
  function show() {
    const threshold = model.get("threshold");
    verdict.textContent = model.get("recognized");
    bars.replaceChildren(...model.get("ranking").slice(0, 6).map(([action, score]) => {
      const fill = element("i"), line = element("b");
      fill.style.width = `${100 * Math.max(0, score)}%`;
      line.style.left = `${100 * Math.max(0, threshold)}%`;
      line.title = `unknown below ${threshold.toFixed(2)}`;
      return element("div", { className: "bar" }, element("span", { textContent: action }),
        element("span", { textContent: score.toFixed(2) }), element("div", { className: "track" }, fill, line));
    }));
    const actions = model.get("actions");
    known.textContent = actions.length ? `enrolled: ${actions.map(([action, count]) => `${action} (${count})`).join(", ")}`
      : "nothing is enrolled yet: record a take, give it a name, press Enroll";
    live.disabled = !actions.length;
    live.classList.toggle("on", model.get("live"));
  }
  for (const key of ["ranking", "recognized", "actions", "live", "threshold"]) model.on(`change:${key}`, show);
  model.on("change:message", () => say(model.get("message")));
  show();
  return () => { gone = true; if (running) stop(); };
}

export default { render };
