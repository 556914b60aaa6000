"""The page: it stands alone, says what the figures say, and, in a real browser, draws and steps its pictures."""

from __future__ import annotations

import html as entities
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from recap.cli import run
from recap.errors import InputError
from recap.lab.compare import compare
from recap.lab.kept import KeptComparison
from recap.report import pictures
from recap.report.charts import WIDTH, decades, joined, tick, ticks
from recap.report.distributions import STEPS, steps_shown
from recap.report.html import html, sha256
from tests.report.conftest import timeline

CHROMIUM = shutil.which("chromium")
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--virtual-time-budget=10000", "--enable-logging=stderr"),
]
WATCH = """<script>
const seen = [];
addEventListener("error", (event) => seen.push(String(event.message)));
addEventListener("unhandledrejection", (event) => seen.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => seen.push("wanted " + event.blockedURI));
const told = console.error;
console.error = (...words) => { seen.push(words.join(" ")); told(...words); };
</script>"""
PRESS = """<script>
const wait = setInterval(() => {
  if (document.body.dataset.ready !== "yes" && !seen.length) return;
  clearInterval(wait);
  const canvases = [...document.querySelectorAll(".map:not(#difference) canvas")];
  const drawn = () => canvases.map((canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return [Number(canvas.dataset.drawn), new Set(new Uint32Array(pixels.buffer)).size, canvas.width * canvas.height];
  });
  const report = { opened: drawn() };
  const pressed = document.getElementById("goto").getAttribute("aria-pressed");
  report.arrived = [document.getElementById("zoom").value, pressed, document.getElementById("chosen").textContent];
  document.getElementById("on").click();
  report.stepped = drawn();
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
  report.back = drawn();
  const zoom = document.getElementById("zoom");
  zoom.value = "4";
  zoom.dispatchEvent(new Event("change"));
  report.zoomed = canvases.map((canvas) => canvas.clientWidth / canvas.closest(".frame").clientWidth);
  report.captions = [...document.querySelectorAll(".maps figcaption span")].map((span) => span.textContent);
  const charts = [...document.querySelectorAll("[data-timed]")];
  const key = (element, name) => element.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  const alike = (what) => [...new Set(charts.map(what))];
  const ranges = () => alike((chart) => chart.querySelector("svg").getAttribute("viewBox").split(" ")[2]);
  report.cursors = alike((chart) => chart.querySelector(".cursor").style.left);
  report.reachable = alike((chart) => chart.tabIndex);
  report.labels = charts.map((chart) => chart.getAttribute("aria-label"));
  report.all = ranges();
  key(charts[0], "+");
  report.closer = ranges();
  key(charts[0], "Escape");
  const plot = charts[0].querySelector(".plot"), box = plot.getBoundingClientRect();
  const drag = (kind, share) => plot.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, pointerType: "mouse", isPrimary: true, clientX: box.left + share * box.width, clientY: box.top + 5,
  }));
  drag("pointerdown", 0.25);
  drag("pointermove", 0.5);
  report.selected = document.querySelectorAll(".selection").length;
  drag("pointerup", 0.5);
  report.dragged = ranges();
  document.getElementById("whole").click();
  report.again = ranges();
  document.getElementById("goto").click();
  const spots = [...document.querySelectorAll(".spot")];
  report.spots = spots.map((spot) => {
    const frame = spot.closest(".frame").getBoundingClientRect(), mark = spot.getBoundingClientRect();
    const inside = mark.left >= frame.left - 1 && mark.right <= frame.right + 1 && mark.top >= frame.top - 1;
    return !spot.hidden && mark.width > 0 && inside;
  });
  const button = document.querySelector("button.task");
  button?.click();
  report.chosen = document.getElementById("chosen").textContent;
  report.slices = document.querySelectorAll("[data-timed=slices]:not([hidden]) rect").length;
  report.hash = location.hash;
  report.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  report.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  report.seen = seen;
  report.title = document.title;
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = JSON.stringify(report);
  document.body.append(result);
}, 20);
</script>"""


def test_the_page_stands_alone(kept: Path) -> None:
    page = html(KeptComparison(kept))
    assert not re.search(r"https?://|src=|@import|url\(", page)
    assert "default-src 'none'" in page


def test_what_came_in_is_escaped(kept: Path) -> None:
    page = html(KeptComparison(kept))
    assert "a &lt;recording&gt;" in page
    assert "<recording>" not in page


EVIL = "<img src=x onerror=alert(1)>"


def with_evil_names(kept: Path) -> None:
    """Every text of the folder that is not recap's own would run a script."""
    path = kept / "comparison.json"
    result = msgspec.json.decode(path.read_bytes())
    result |= {"digest": EVIL, "source": EVIL, "assumptions": [EVIL], "missing": [EVIL]}
    for column in result["columns"]:
        column["metrics"][EVIL] = {"mean": 1, "low": 1, "high": 1}
        column["name"] = column["policy"] = column["name"].replace("whitcroft", f"whitcroft{EVIL}")
    path.write_bytes(msgspec.json.encode(result))
    runs = msgspec.json.decode((kept / "runs.json").read_bytes())
    for record in runs:
        record["policy"] = record["policy"].replace("whitcroft", f"whitcroft{EVIL}")
        evil = replace(timeline(0), zones=[EVIL], tasks=[EVIL, EVIL])
        (kept / record["timeline"]).write_bytes(evil.packed())
    (kept / "runs.json").write_bytes(msgspec.json.encode(runs))


def test_no_name_becomes_markup(kept: Path) -> None:
    with_evil_names(kept)
    page = html(KeptComparison(kept))
    assert "<img" not in page
    assert page.count("&lt;img") > 10


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (on Debian: apt install chromium)")
def test_the_page_runs_no_script_but_its_own(kept: Path) -> None:
    """Were a name not escaped, the browser would still refuse to run it."""
    page = html(KeptComparison(kept))
    for evil in ("<script>document.title = 'pwned'</script>", "<img src=x onerror=\"document.title = 'pwned'\">"):
        report = browsed(page.replace("<h1>", f"{evil}<h1>"), kept)
        assert any(told.startswith("wanted inline") for told in report["seen"])
        assert report["title"] != "pwned"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "runs/../../up.json", "link.json"])
def test_the_files_of_a_run_are_in_the_folder(kept: Path, name: str) -> None:
    (kept / "link.json").symlink_to("/etc/passwd")
    text = (kept / "runs.json").read_text()
    (kept / "runs.json").write_text(text.replace("runs/none-0.json", name))
    with pytest.raises(InputError, match="outside of the folder"):
        html(KeptComparison(kept))


def test_the_story_is_told(kept: Path) -> None:
    page = html(KeptComparison(kept))
    for words in ("How far to trust it", "whitcroft", "an assumption", "a mechanism", "70.0", "0" * 64):
        assert words in page
    assert page.count("<canvas") == 2 + 1  # a map of each policy, and their difference
    assert page.count('<div class="chart" data-timed') == 7 * 2


def test_a_workload_without_a_recording_is_not_called_recorded(kept: Path) -> None:
    path = kept / "comparison.json"
    result = msgspec.json.decode(path.read_bytes())
    result["columns"] = result["columns"][1:]
    path.write_bytes(msgspec.json.encode(result))
    page = html(KeptComparison(kept))
    assert "The synthetic workload" in page
    assert "recorded in" not in page
    assert "the recorded kernel did" not in page


def test_bars_that_touch_are_one() -> None:
    begin, end = np.array([0.0, 40.0, 5.0, 10.5]), np.array([10.0, 41.0, 6.0, 20.0])
    assert list(joined(begin, end)) == [(0, 20), (40, 41)]
    assert list(joined(begin[:0], end[:0])) == []


def test_the_verb_writes_the_page(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(kept)]) == 0
    assert capsys.readouterr() == ("", f"recap: wrote {kept / 'report.html'}\n")
    assert (kept / "report.html").read_text() == html(KeptComparison(kept))


@pytest.mark.parametrize(
    ("name", "content"),
    [("comparison.json", None), ("comparison.json", "{"), ("runs.json", '{"a": 1}'), ("runs/none-0.npz", "x")],
)
def test_a_damaged_folder_is_refused_in_one_line(
    kept: Path, name: str, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is None:
        (kept / name).unlink()
    else:
        (kept / name).write_text(content)
    assert run(["report", str(kept)]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert name in err


def test_another_schema_is_refused(kept: Path) -> None:
    path = kept / "comparison.json"
    path.write_text(path.read_text().replace('"schema":2', '"schema":99'))
    with pytest.raises(InputError, match="schema: is 99"):
        KeptComparison(kept)


def test_ticks_are_round_and_inside() -> None:
    assert list(ticks(0, 47_000)) == [0, 20_000, 40_000]
    assert list(ticks(0, 1)) == [0, 0.5, 1]
    assert list(decades(0.001, 100)) == [0.001, 0.01, 0.1, 1, 10, 100]
    assert [tick(value) for value in (0, 0.5, 950, 1000, 20_000, 3_000_000)] == ["0", "0.5", "950", "1k", "20k", "3M"]


def browsed(page: str, folder: Path, view: str = "", width: int = 1200) -> dict[str, Any]:
    """Open the page in chromium, press its buttons, and return what was seen."""
    path = folder / "page.html"
    ours = " ".join(f"'sha256-{sha256(text[8:-9])}'" for text in (WATCH, PRESS))
    page = page.replace("script-src ", f"script-src {ours} ", 1)
    path.write_text(page.replace("<style>", f"{WATCH}<style>", 1).replace("</body>", f"{PRESS}</body>"))
    command = [
        str(CHROMIUM),
        *QUIET,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},900",
        "--dump-dom",
    ]
    done = subprocess.run([*command, f"{path.as_uri()}#{view}"], capture_output=True, text=True, timeout=60, check=True)
    assert not re.search("(WARNING|ERROR):CONSOLE", done.stderr)
    found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout)
    assert found, done.stdout[-2000:]
    report: dict[str, Any] = json.loads(entities.unescape(found[1]))
    return report


def assert_works(report: dict[str, Any], last: int) -> None:
    """No error, no request, every picture drawn, and each control does its work."""
    assert report["seen"] == []
    assert report["requests"] == []
    for moment, colours, pixels in report["opened"]:
        assert 0 <= moment <= last
        assert colours > 1
        assert pixels > 0
    assert [moment + 1 for moment, *_ in report["opened"]] == [moment for moment, *_ in report["stepped"]]
    assert report["back"] == report["opened"]
    assert all(ratio == pytest.approx(4, abs=0.1) for ratio in report["zoomed"])
    assert report["wide"] == 0
    assert_charts_are_linked(report)
    assert all(report["spots"])


def assert_charts_are_linked(report: dict[str, Any]) -> None:
    """One cursor and one range of time for all, by mouse and by keyboard."""
    assert len(report["cursors"]) == 1
    assert report["reachable"] == [0]
    assert len(set(report["labels"])) == len(report["labels"])
    ranges = {name: [float(width) for width in report[name]] for name in ("all", "closer", "dragged", "again")}
    assert ranges == {"all": [WIDTH], "closer": [WIDTH / 2], "dragged": pytest.approx([WIDTH / 4]), "again": [WIDTH]}
    assert report["selected"] == 1


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (on Debian: apt install chromium)")
def test_in_a_browser(kept: Path) -> None:
    report = browsed(html(KeptComparison(kept)), kept)
    assert_works(report, 4)
    assert [caption.split(" · ")[:2] for caption in map(str, report["captions"])] == [
        ["0.002 s", "0 captured"],
        ["0.002 s", "100 captured"],
        ["free only under none: 0", "only under whitcroft: 0"],
    ]
    assert report["labels"][:2] == ["free memory and the watermarks, none", "free memory and the watermarks, whitcroft"]
    assert report["chosen"].startswith("none, beta [1]: 1 waits, 0.900 ms in all")
    assert report["slices"] == 1


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (on Debian: apt install chromium)")
def test_the_address_keeps_the_view(kept: Path) -> None:
    """What the page wrote there it reads; and a telephone is wide enough."""
    page = html(KeptComparison(kept))
    left = browsed(page, kept)
    assert left["arrived"] == ["1", "false", "Nothing is chosen."]
    again = browsed(page, kept, left["hash"][1:], width=390)
    assert again["arrived"] == ["4", "true", left["chosen"]]
    assert again["wide"] == 0
    assert again["seen"] == []


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (on Debian: apt install chromium)")
def test_an_address_that_makes_no_sense_is_a_view_all_the_same(kept: Path) -> None:
    report = browsed(html(KeptComparison(kept)), kept, "t=x&zoom=7&from=9&to=-1&first=99&who=9.9&part=%3Cimg&follow=2")
    assert report["seen"] == []
    assert_works(report, 4)


def test_pictures_are_left_out_of_a_page_that_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {"none": timeline(0), "whitcroft": timeline(100)}
    whole = pictures.albums(seen)
    monkeypatch.setattr(pictures, "LARGEST", sum(len(one["packed"]) for one in whole) - 1)
    fewer = pictures.albums(seen)
    assert [len(one["times"]) for one in whole] == [5, 5]
    assert all(0.002 in one["times"] and len(one["times"]) < 5 for one in fewer)
    assert pictures.best_moment(seen) == 0.002


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (on Debian: apt install chromium)")
def test_a_real_comparison_in_a_browser(tmp_path: Path) -> None:
    compare("recordings/hugetlb-1cpu", ["whitcroft"], seeds=1, out=tmp_path)
    kept = KeptComparison(tmp_path)
    count = len(kept.timeline(kept.first_run("whitcroft")).pictures)
    page = html(kept)
    assert len(page) < 2_000_000
    assert_works(browsed(page, tmp_path), count - 1)


def test_a_line_of_many_waits_is_thinned_to_what_can_be_seen() -> None:
    assert steps_shown(0).tolist() == []
    assert steps_shown(3).tolist() == [0, 1, 2]
    many = steps_shown(1_000_000)
    assert len(many) <= STEPS
    assert (many[0], many[-1]) == (0, 999_999)
    share = (1_000_000 - many) / 1_000_000
    assert (share[:-1] / share[1:])[share[:-1] > 1e-3].max() < 1.06
