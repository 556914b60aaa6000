// The page maps and the charts over time: one moment, one range of time and one view for all of them.
"use strict";

const data = JSON.parse(document.getElementById("album").textContent);
const TILE = 1024, SIDE = 32; // the largest block is one square; inside it frames follow a Z, so every block is a rectangle
const SPOT = 64; // frames of what is gone to: 8 by 8
const FREE = [4, 5, 6, 9], CAPTURED = 8;
const TELLING = [8, 10, 9]; // captured, else stolen, else up for grabs
const [STALL, RECLAIM, COMPACT] = [0, 4, 5];
const MOST_LINES = 12;
const find = (name) => document.getElementById(name);
const all = (selector) => [...document.querySelectorAll(selector)];
const slider = find("moment");
const names = new Map(data.legend.map((entry) => [entry.use, entry.name]));
const moments = [...new Set(data.albums.flatMap((album) => album.times))].sort((a, b) => a - b);
const maps = all(".map").map((figure) => ({
  figure, canvas: figure.querySelector("canvas"), caption: figure.querySelector("figcaption span"),
  frame: figure.querySelector(".frame"), sheet: figure.querySelector(".sheet"), spot: figure.querySelector(".spot"),
}));
const charts = all("[data-timed]").map((element) => ({
  element, kind: element.dataset.timed, policy: Number(element.dataset.policy), height: Number(element.dataset.height),
  plot: element.querySelector(".plot"), svg: element.querySelector("svg"), cursor: element.querySelector(".cursor"),
  ticks: element.querySelector(".x"),
}));
// What the address keeps.
const view = { t: data.best, zoom: 1, at: -1, follow: false, from: 0, to: data.span, first: 0, second: 0, who: "", part: "" };
let playing = null;

async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function unpackAlbum(album) {
  const pictures = new Uint8Array(await unpacked(album.packed));
  for (let i = album.frames; i < pictures.length; i++) pictures[i] ^= pictures[i - album.frames];
  album.pictures = pictures;
}

async function unpackWaits(waits) {
  const buffer = await unpacked(waits.packed), n = waits.count;
  const wide = (k) => new Uint32Array(buffer, 4 * n * k, n), narrow = (k) => new Uint8Array(buffer, 12 * n + n * k, n);
  const [begin, length, task, kind, order, served] = [wide(0), wide(1), wide(2), narrow(0), narrow(1), narrow(2)];
  waits.slices = Array.from({ length: n }, (_, i) => ({
    begin: begin[i] * waits.tick, end: (begin[i] + length[i]) * waits.tick, task: task[i], kind: kind[i], order: order[i],
    served: served[i],
  }));
}

// ---- Maps ----

function colour(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return (255 << 24) | (b << 16) | (g << 8) | r;
}

// Where a frame is drawn: squares of the largest block from left to right, in each a Z-shaped curve.
const inSquare = Array.from({ length: TILE }, (_, i) => {
  let x = 0, y = 0;
  for (let bit = 0; bit < 5; bit++) {
    x |= ((i >> (2 * bit)) & 1) << bit;
    y |= ((i >> (2 * bit + 1)) & 1) << bit;
  }
  return [x, y];
});

function layout(frames) {
  const squares = Math.ceil(frames / TILE), across = squares > 256 ? 32 : 16;
  const width = across * SIDE, height = Math.ceil(squares / across) * SIDE;
  const place = new Uint32Array(frames), frameAt = new Int32Array(width * height).fill(-1);
  for (let frame = 0; frame < frames; frame++) {
    const square = Math.floor(frame / TILE);
    const [x, y] = inSquare[frame % TILE];
    place[frame] = (Math.floor(square / across) * SIDE + y) * width + (square % across) * SIDE + x;
    frameAt[place[frame]] = frame;
  }
  return { width, height, place, frameAt };
}

function pictureAt(album, time) {
  let k = album.times.findLastIndex((at) => at <= time + 1e-9);
  if (k < 0) k = 0;
  return { k, uses: album.pictures.subarray(k * album.frames, (k + 1) * album.frames) };
}

function paint(map, colours) {
  const { width, height, place } = map.layout;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer).fill(colour("--use-0"));
  colours.forEach((value, frame) => { pixels[place[frame]] = value; });
  map.canvas.getContext("2d").putImageData(image, 0, 0);
}

function drawMap(map, album) {
  const { k, uses } = pictureAt(album, view.t);
  const palette = Array.from({ length: 11 }, (_, use) => colour(`--use-${use}`));
  const counts = new Array(11).fill(0);
  paint(map, Uint32Array.from(uses, (use) => { counts[use]++; return palette[use]; }));
  map.uses = uses;
  const said = TELLING.map((use) => `${(counts[use] * album.framesPerPixel).toLocaleString("en")} ${names.get(use)}`);
  map.caption.textContent = `${album.times[k].toFixed(3)} s · ${said.join(" · ")}`;
  map.canvas.dataset.drawn = String(k);
}

function difference(a, b) {
  if (a === b) return "same";
  if (a === CAPTURED || b === CAPTURED) return "captured";
  const [freeA, freeB] = [FREE.includes(a), FREE.includes(b)];
  return freeA && freeB ? "same" : freeA ? "first" : freeB ? "second" : "other";
}

function drawDifference(map) {
  const [first, second] = [data.albums[view.first], data.albums[view.second]];
  const [a, b] = [pictureAt(first, view.t).uses, pictureAt(second, view.t).uses];
  const palette = { same: colour("--use-0"), captured: colour("--use-8"), first: colour("--s1"), second: colour("--s2"), other: colour("--soft") };
  const counts = { same: 0, captured: 0, first: 0, second: 0, other: 0 };
  paint(map, Uint32Array.from(a, (use, frame) => {
    const what = difference(use, b[frame]);
    counts[what]++;
    return palette[what];
  }));
  const count = (what) => (counts[what] * first.framesPerPixel).toLocaleString("en");
  map.caption.textContent = `free only under ${first.name}: ${count("first")} · only under ${second.name}: ${count("second")}`;
  map.figure.querySelector("b").textContent = `${first.name} → ${second.name}`;
}

function showMoment() {
  const k = Math.max(0, moments.findLastIndex((at) => at <= view.t + 1e-9));
  slider.value = k;
  find("clock").textContent = `${view.t.toFixed(3)} s`;
  maps.forEach((map, i) => (i < data.albums.length ? drawMap(map, data.albums[i]) : drawDifference(map)));
  if (view.follow) {
    view.at = telling();
    centre();
  }
  charts.forEach(showCursor);
}

// The first frame of the aligned group of frames that has most captured pages; if none has, stolen ones, and so on.
function telling() {
  for (const use of TELLING) {
    let best = -1, most = 0;
    for (const map of maps.slice(0, data.albums.length)) {
      for (let first = 0; first < map.uses.length; first += SPOT) {
        let count = 0;
        for (let frame = first; frame < first + SPOT; frame++) count += map.uses[frame] === use;
        if (count > most) [best, most] = [first, count];
      }
    }
    if (best >= 0) return best;
  }
  return view.at;
}

function centre() {
  for (const map of maps) {
    map.spot.hidden = view.at < 0;
    if (view.at < 0) continue;
    const { width, place } = map.layout, scale = map.canvas.clientWidth / width;
    const x = (place[view.at] % width) * scale, y = Math.floor(place[view.at] / width) * scale, side = 8 * scale;
    Object.assign(map.spot.style, { left: `${x}px`, top: `${y}px`, width: `${side}px`, height: `${side}px` });
    map.frame.scrollTo(x + side / 2 - map.frame.clientWidth / 2, y + side / 2 - map.frame.clientHeight / 2);
  }
}

function setZoom(factor) {
  const [main] = maps, middle = [
    (main.frame.scrollLeft + main.frame.clientWidth / 2) / main.sheet.clientWidth,
    (main.frame.scrollTop + main.frame.clientHeight / 2) / main.sheet.clientHeight,
  ];
  view.zoom = factor;
  find("zoom").value = String(factor);
  for (const map of maps) map.sheet.style.width = `${100 * factor}%`;
  if (view.at >= 0) centre();
  else main.frame.scrollTo(
    middle[0] * main.sheet.clientWidth - main.frame.clientWidth / 2, middle[1] * main.sheet.clientHeight - main.frame.clientHeight / 2,
  );
}

function follow(wanted) {
  view.follow = wanted;
  find("goto").setAttribute("aria-pressed", String(wanted));
  if (!wanted) {
    view.at = -1;
    centre();
    return;
  }
  const captured = maps.some((map) => map.uses?.includes(CAPTURED));
  if (!captured) view.t = data.best;
  showMoment();
  setZoom(view.zoom > 1 ? view.zoom : 8);
}

function scrollTogether() {
  for (const { frame } of maps) {
    frame.addEventListener("scroll", () => maps.forEach((other) => {
      if (other.frame !== frame) other.frame.scrollTo(frame.scrollLeft, frame.scrollTop);
    }));
  }
}

function explain(map, album, event) {
  const box = map.canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * map.layout.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * map.layout.height);
  const frame = map.layout.frameAt[y * map.layout.width + x];
  if (frame === undefined || frame < 0) return;
  const entry = data.legend.find((candidate) => candidate.use === map.uses[frame]);
  find("about").textContent = `${album.name}, page frame ${frame * album.framesPerPixel}: ${entry.name} – ${entry.meaning}`;
}

function step(by) {
  const k = Math.max(0, Math.min(moments.length - 1, Number(slider.value) + by));
  view.t = moments[k];
  changed(showMoment);
}

function play(button) {
  if (playing) {
    clearInterval(playing);
    playing = null;
  } else {
    if (slider.value === slider.max) step(-moments.length);
    playing = setInterval(() => (slider.value === slider.max ? play(button) : step(1)), 180);
  }
  button.textContent = playing ? "Pause" : "Play";
}

// ---- Charts ----

const range = () => view.to - view.from;

function ticksOf(from, to, most) {
  const rough = (to - from) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough * (1 - 1e-9));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const values = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) values.push([i * step, `${(i * step).toFixed(digits)} s`]);
  return values;
}

function showCursor(chart) {
  const share = (view.t - view.from) / range();
  chart.cursor.hidden = share < 0 || share > 1;
  chart.cursor.style.left = `${100 * share}%`;
  chart.element.setAttribute("aria-valuenow", view.t.toFixed(3));
  chart.element.setAttribute("aria-valuetext", `${view.t.toFixed(3)} seconds`);
}

function showRange() {
  const x = (view.from / data.span) * data.width, width = (range() / data.span) * data.width;
  const most = Math.max(2, Math.min(8, Math.floor(charts[0].plot.clientWidth / 90)));
  const ticks = ticksOf(view.from, view.to, most);
  for (const chart of charts) {
    chart.svg.setAttribute("viewBox", `${x} 0 ${width} ${chart.height}`);
    chart.ticks.replaceChildren(...ticks.map(([value, words]) => {
      const label = document.createElement("span");
      label.textContent = words;
      const share = (value - view.from) / range();
      label.className = share < 0.02 ? "begin" : share > 0.98 ? "end" : "";
      label.style.left = `${100 * share}%`;
      return label;
    }));
    showCursor(chart);
  }
  find("whole").hidden = range() > data.span * 0.999;
}

function setRange(from, to) {
  const least = data.span / 10000;
  view.from = Math.max(0, Math.min(from, to - least));
  view.to = Math.min(data.span, Math.max(to, view.from + least));
  changed(showRange);
}

function zoomTime(factor) {
  const middle = view.t >= view.from && view.t <= view.to ? view.t : (view.from + view.to) / 2;
  const wide = Math.min(data.span, range() * factor);
  const from = Math.max(0, Math.min(data.span - wide, middle - wide / 2));
  setRange(from, from + wide);
}

function timeAt(chart, clientX) {
  const box = chart.plot.getBoundingClientRect();
  return view.from + Math.max(0, Math.min(1, (clientX - box.left) / box.width)) * range();
}

function nearestMoment(time) {
  return moments.reduce((best, at) => (Math.abs(at - time) < Math.abs(best - time) ? at : best));
}

function listen(chart) {
  let from = null, mark = null;
  chart.plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = event.clientX;
    chart.plot.setPointerCapture(event.pointerId);
  });
  chart.plot.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(event.clientX - from) < 6) return;
    mark ??= chart.plot.appendChild(Object.assign(document.createElement("i"), { className: "selection" }));
    const box = chart.plot.getBoundingClientRect();
    const [a, b] = [from, event.clientX].map((x) => Math.max(0, Math.min(box.width, x - box.left))).sort((p, q) => p - q);
    Object.assign(mark.style, { left: `${a}px`, width: `${b - a}px` });
  });
  const end = (event) => {
    if (from === null) return;
    const [begin, dragged] = [from, mark];
    from = mark = null;
    dragged?.remove();
    if (event.type === "pointercancel") return;
    if (dragged) setRange(...[begin, event.clientX].map((x) => timeAt(chart, x)).sort((a, b) => a - b));
    else clicked(chart, event);
  };
  chart.plot.addEventListener("pointerup", end);
  chart.plot.addEventListener("pointercancel", end);
  chart.plot.addEventListener("dblclick", () => setRange(0, data.span));
  chart.element.addEventListener("keydown", (event) => pressed(chart, event));
}

function clicked(chart, event) {
  const time = timeAt(chart, event.clientX);
  if (chart.kind === "stalls" || chart.kind === "slices") chooseNear(chart, time);
  view.t = nearestMoment(time);
  changed(showMoment);
}

function pressed(chart, event) {
  const actions = {
    "+": () => zoomTime(0.5), "=": () => zoomTime(0.5), "-": () => zoomTime(2), Escape: () => setRange(0, data.span),
    Home: () => step(-moments.length), End: () => step(moments.length), ArrowUp: () => step(1), ArrowDown: () => step(-1),
    Enter: () => chooseNear(chart, view.t),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

// ---- Who waits ----

function chooseNear(chart, time) {
  const [policy, task] = view.who ? view.who.split(".").map(Number) : [];
  const only = chart.kind === "slices" && policy === chart.policy ? task : undefined;
  let best = -1, least = Infinity;
  data.waits[chart.policy].slices.forEach((slice, i) => {
    if (slice.kind !== STALL || (only !== undefined && slice.task !== only)) return;
    const away = Math.max(slice.begin - time, time - slice.end, 0);
    if (away < least) [best, least] = [i, away];
  });
  if (best >= 0 && least < range() / 50) choose(chart.policy, data.waits[chart.policy].slices[best].task, best);
}

function choose(policy, task, request = "") {
  view.who = `${policy}.${task}${request === "" ? "" : `.${request}`}`;
  changed(showWho);
}

const ms = (seconds) => `${(1000 * seconds).toFixed(3)} ms`;
const seconds = (slices) => slices.reduce((sum, slice) => sum + slice.end - slice.begin, 0);

function showWho() {
  const [policy, task, request] = view.who ? view.who.split(".").map(Number) : [];
  const waits = data.waits[policy];
  for (const button of all("button.task")) {
    const chosen = Number(button.dataset.policy) === policy && Number(button.dataset.task) === task;
    button.setAttribute("aria-pressed", String(chosen));
  }
  for (const chart of charts.filter((one) => one.kind === "slices")) {
    chart.element.hidden = chart.policy !== policy;
    chart.svg.replaceChildren();
    if (chart.policy === policy) drawSlices(chart, waits.slices.filter((slice) => slice.task === task), waits.slices[request]);
  }
  const said = waits ? describe(waits, task, waits.slices[request]) : ["Nothing is chosen."];
  find("chosen").replaceChildren(...said.map((words, i) => Object.assign(document.createElement(i ? "li" : "p"), { textContent: words })));
}

function drawSlices(chart, slices, chosen) {
  const rows = [STALL, RECLAIM, COMPACT], high = chart.height / rows.length;
  for (const slice of slices) {
    const style = { [RECLAIM]: "reclaim", [COMPACT]: "compact" }[slice.kind] ?? (slice.served ? "served" : "failed");
    const bar = document.createElementNS(chart.svg.namespaceURI, "rect");
    const scale = data.width / data.span;
    const place = { x: slice.begin * scale, y: high * (rows.indexOf(slice.kind) + 0.2), width: (slice.end - slice.begin) * scale, height: high * 0.6 };
    Object.entries({ ...place, class: `bar ${style}${slice === chosen ? " chosen" : ""}` }).forEach(([name, value]) => bar.setAttribute(name, value));
    chart.svg.append(bar);
  }
}

function describe(waits, task, request) {
  const mine = waits.slices.filter((slice) => slice.task === task);
  if (!request) {
    const [stalls, reclaim, compact] = [STALL, RECLAIM, COMPACT].map((kind) => mine.filter((slice) => slice.kind === kind));
    return [`${waits.name}, ${waits.tasks[task]}: ${stalls.length} waits, ${ms(seconds(stalls))} in all; `
      + `${ms(seconds(reclaim))} in direct reclaim, ${ms(seconds(compact))} in direct compaction.`];
  }
  const inside = mine.filter((slice) => slice.kind !== STALL && slice.begin >= request.begin - 1e-6 && slice.end <= request.end + 1e-6);
  const lines = inside.slice(0, MOST_LINES).map((slice) => `from ${ms(slice.begin - request.begin)}: `
    + `${slice.kind === RECLAIM ? "direct reclaim" : "direct compaction"} for ${ms(slice.end - slice.begin)}`);
  const rest = request.end - request.begin - seconds(inside);
  if (inside.length > MOST_LINES) lines.push(`${inside.length - MOST_LINES} more slices`);
  lines.push(`neither, waiting or retrying: ${ms(Math.max(0, rest))}`);
  return [`${waits.name}, ${waits.tasks[task]}: order ${request.order} at ${request.begin.toFixed(6)} s waited `
    + `${ms(request.end - request.begin)}, then ${request.served ? "was served" : "failed"}.`, ...lines];
}

// ---- The view and its address ----

function changed(redraw) {
  redraw();
  const kept = { t: view.t, zoom: view.zoom, follow: Number(view.follow), from: view.from, to: view.to, first: view.first, second: view.second, who: view.who, part: view.part };
  const text = Object.entries(kept).filter(([, value]) => value !== "").map(([name, value]) => `${name}=${typeof value === "number" ? Number(value.toFixed(6)) : value}`);
  history.replaceState(null, "", `#${text.join("&")}`);
}

// Whatever an address says, the view is one there is.
function restore() {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (name, low, high, otherwise) => {
    const value = given.has(name) ? Number(given.get(name)) : otherwise;
    return value >= low && value <= high ? value : otherwise;
  };
  view.t = number("t", 0, Infinity, data.best);
  view.from = number("from", 0, data.span, 0);
  view.to = number("to", view.from, data.span + 1e-6, data.span);
  if (view.to - view.from < data.span / 20000) [view.from, view.to] = [0, data.span];
  view.to = Math.min(view.to, data.span);
  view.first = Math.floor(number("first", 0, data.albums.length - 1, 0));
  view.second = Math.floor(number("second", 0, data.albums.length - 1, data.albums.length - 1));
  view.who = chosenIn(given.get("who") ?? "");
  view.part = find(given.get("part") ?? "") ? given.get("part") : "";
  const zoom = [...find("zoom").options].some((option) => option.value === given.get("zoom")) ? Number(given.get("zoom")) : 1;
  for (const name of ["first", "second"]) if (find(name)) find(name).value = String(view[name]);
  showMoment();
  showRange();
  showWho();
  setZoom(zoom);
  if (given.get("follow") === "1") follow(true);
  if (view.part) scrollToPart();
}

// Not scrollIntoView, which also scrolls the page that this one is a frame of.
function scrollToPart() {
  window.scrollTo(0, window.scrollY + find(view.part).getBoundingClientRect().top);
}

function chosenIn(text) {
  const [policy, task, request] = /^\d+\.\d+(\.\d+)?$/.test(text) ? text.split(".").map(Number) : [];
  const waits = data.waits[policy];
  return waits && task < waits.tasks.length && (request === undefined || waits.slices[request]?.task === task) ? text : "";
}

function listenToButtons() {
  const on = (name, kind, action) => find(name)?.addEventListener(kind, action);
  on("moment", "input", () => { view.t = moments[Number(slider.value)]; changed(showMoment); });
  on("back", "click", () => step(-1));
  on("on", "click", () => step(1));
  on("play", "click", (event) => play(event.target));
  on("best", "click", () => { view.t = data.best; changed(showMoment); });
  on("goto", "click", () => changed(() => follow(!view.follow)));
  on("zoom", "change", (event) => changed(() => setZoom(Number(event.target.value))));
  on("whole", "click", () => setRange(0, data.span));
  for (const name of ["first", "second"]) on(name, "change", (event) => { view[name] = Number(event.target.value); changed(showMoment); });
  for (const button of all("button.task")) {
    button.addEventListener("click", () => choose(Number(button.dataset.policy), Number(button.dataset.task)));
  }
  for (const link of all("nav a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      view.part = link.hash.slice(1);
      changed(() => scrollToPart());
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.target.closest?.("input, select, .frame, .wide")) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
}

async function begin() {
  await Promise.all([...data.albums.map(unpackAlbum), ...data.waits.map(unpackWaits)]);
  maps.forEach((map, i) => {
    const album = data.albums[i] ?? data.albums[0];
    map.layout = i && data.albums[0].frames === album.frames ? maps[0].layout : layout(album.frames);
    [map.canvas.width, map.canvas.height] = [map.layout.width, map.layout.height];
    if (data.albums[i]) map.canvas.addEventListener("mousemove", (event) => explain(map, album, event));
  });
  scrollTogether();
  slider.max = moments.length - 1;
  listenToButtons();
  charts.forEach(listen);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showMoment);
  addEventListener("resize", () => { showRange(); centre(); });
  addEventListener("hashchange", restore);
  restore();
  document.body.dataset.ready = "yes";
}

begin();
