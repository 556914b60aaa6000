// The page map: unpacks the pictures, draws them, and lets time be stepped, here and in every timed chart.
"use strict";

const data = JSON.parse(document.getElementById("album").textContent);
const TILE = 1024, SIDE = 32; // the largest block is one square; inside it frames follow a Z, so every block is a rectangle
const slider = document.getElementById("moment");
const names = new Map(data.legend.map((entry) => [entry.use, entry.name]));
const dark = matchMedia("(prefers-color-scheme: dark)");
let playing = null;

async function unpack(album) {
  const bytes = Uint8Array.from(atob(album.packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const pictures = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let i = album.frames; i < pictures.length; i++) pictures[i] ^= pictures[i - album.frames];
  album.pictures = pictures;
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  return Array.from({ length: 11 }, (_, use) => {
    const hex = style.getPropertyValue(`--use-${use}`).trim();
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
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

function layout(album) {
  const squares = Math.ceil(album.frames / TILE);
  album.across = squares > 256 ? 32 : 16;
  album.width = album.across * SIDE;
  album.height = Math.ceil(squares / album.across) * SIDE;
  album.place = new Uint32Array(album.frames);
  for (let frame = 0; frame < album.frames; frame++) {
    const square = Math.floor(frame / TILE);
    const [x, y] = inSquare[frame % TILE];
    const row = Math.floor(square / album.across) * SIDE + y;
    album.place[frame] = row * album.width + (square % album.across) * SIDE + x;
  }
  album.frameAt = new Int32Array(album.width * album.height).fill(-1);
  album.place.forEach((at, frame) => { album.frameAt[at] = frame; });
}

function draw(album, moment) {
  const k = Math.min(moment, album.times.length - 1);
  const colours = palette();
  const image = new ImageData(album.width, album.height);
  const pixels = new Uint32Array(image.data.buffer).fill(colours[0]);
  const uses = album.pictures.subarray(k * album.frames, (k + 1) * album.frames);
  const counts = new Array(11).fill(0);
  for (let frame = 0; frame < uses.length; frame++) {
    pixels[album.place[frame]] = colours[uses[frame]];
    counts[uses[frame]]++;
  }
  album.canvas.getContext("2d").putImageData(image, 0, 0);
  album.shown = uses;
  const told = [8, 10, 9].map((use) => `${(counts[use] * album.framesPerPixel).toLocaleString("en")} ${names.get(use)}`);
  album.caption.textContent = `${album.times[k].toFixed(3)} s · ${told.join(" · ")}`;
  album.canvas.dataset.drawn = String(k);
}

function show(moment) {
  slider.value = moment;
  data.albums.forEach((album) => draw(album, moment));
  const time = data.albums[0].times[Math.min(moment, data.albums[0].times.length - 1)];
  document.getElementById("clock").textContent = `${time.toFixed(3)} s`;
  for (const chart of document.querySelectorAll("svg[data-timed]")) {
    const share = time / data.span;
    const x = data.left + share * (chart.viewBox.baseVal.width - data.left - data.right);
    const cursor = chart.querySelector(".cursor");
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  }
}

function nearest(time) {
  const times = data.albums[0].times;
  return times.reduce((best, at, k) => (Math.abs(at - time) < Math.abs(times[best] - time) ? k : best), 0);
}

function step(by) {
  show(Math.max(0, Math.min(Number(slider.max), Number(slider.value) + by)));
}

function play(button) {
  if (playing) {
    clearInterval(playing);
    playing = null;
  } else {
    if (slider.value === slider.max) show(0);
    playing = setInterval(() => (slider.value === slider.max ? play(button) : step(1)), 180);
  }
  button.textContent = playing ? "Pause" : "Play";
}

function zoom(factor) {
  for (const album of data.albums) album.canvas.style.width = `${100 * factor}%`;
  const spots = data.albums.flatMap((album) => [8, 10, 9].map((use) => [use, album.shown.indexOf(use), album]));
  const [, frame, album] = spots.filter((spot) => spot[1] >= 0).sort((a, b) => order(a[0]) - order(b[0]))[0] ?? [];
  if (album) scrollTo(album, album.place[frame]);
}

function order(use) {
  return [8, 10, 9].indexOf(use); // captured, else stolen, else up for grabs
}

function scrollTo(album, place) {
  const frame = album.canvas.parentElement;
  const scale = album.canvas.clientWidth / album.width;
  frame.scrollLeft = (place % album.width) * scale - frame.clientWidth / 2;
  frame.scrollTop = Math.floor(place / album.width) * scale - frame.clientHeight / 2;
}

function scrollTogether(frames) {
  for (const frame of frames) {
    frame.addEventListener("scroll", () => frames.forEach((other) => {
      if (other !== frame) other.scrollTo(frame.scrollLeft, frame.scrollTop);
    }));
  }
}

function explain(album, event) {
  const box = album.canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * album.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * album.height);
  const frame = album.frameAt[y * album.width + x];
  if (frame === undefined || frame < 0) return;
  const entry = data.legend.find((candidate) => candidate.use === album.shown[frame]);
  const pfn = frame * album.framesPerPixel;
  document.getElementById("about").textContent = `${album.name}, page frame ${pfn}: ${entry.name} — ${entry.meaning}`;
}

async function begin() {
  await Promise.all(data.albums.map(unpack));
  data.albums.forEach((album, i) => {
    layout(album);
    const figure = document.querySelectorAll(".maps figure")[i];
    album.canvas = figure.querySelector("canvas");
    album.caption = figure.querySelector("span");
    album.canvas.width = album.width;
    album.canvas.height = album.height;
    album.canvas.addEventListener("mousemove", (event) => explain(album, event));
  });
  scrollTogether([...document.querySelectorAll(".frame")]);
  slider.max = Math.max(...data.albums.map((album) => album.times.length)) - 1;
  slider.addEventListener("input", () => show(Number(slider.value)));
  document.getElementById("back").addEventListener("click", () => step(-1));
  document.getElementById("on").addEventListener("click", () => step(1));
  document.getElementById("play").addEventListener("click", (event) => play(event.target));
  document.getElementById("best").addEventListener("click", () => show(data.best));
  document.getElementById("zoom").addEventListener("change", (event) => zoom(Number(event.target.value)));
  document.addEventListener("keydown", (event) => {
    if (event.target.tagName === "INPUT" || event.target.tagName === "SELECT") return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  for (const chart of document.querySelectorAll("svg[data-timed]")) {
    chart.addEventListener("click", (event) => {
      const box = chart.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
      show(nearest(((x - data.left) / (chart.viewBox.baseVal.width - data.left - data.right)) * data.span));
    });
  }
  dark.addEventListener("change", () => show(Number(slider.value)));
  show(data.best);
  document.body.dataset.ready = "yes";
}

begin();
