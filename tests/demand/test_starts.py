"""Which of its starts a recording is compared from."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from recap.demand.starts import start_of
from recap.errors import InputError
from recap.trace import Recording
from recap.trace.kpageflags import of_snapshot
from recap.trace.snapshot import read_snapshot
from tests.demand.test_nodes import ZONE

RECORDING = Path(__file__).parents[2] / "recordings" / "calm-1cpu"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with page flags and a snapshot that was read live."""
    folder = tmp_path_factory.mktemp("recorded") / "calm-1cpu"
    shutil.copytree(RECORDING, folder)
    words = of_snapshot(read_snapshot(folder / "snap0.npz"))
    start = np.concatenate(([0], np.flatnonzero(words[1:] != words[:-1]) + 1))
    np.savez(folder / "kpageflags.0.npz", start=start, flags=words[start], frames=len(words))
    taken(folder, start="live", generations=True)
    return folder


def taken(folder: Path, **how: object) -> None:
    """Say of its snapshot how it was taken."""
    with np.load(folder / "snap0.npz") as file:
        arrays = dict(file)
    arrays["meta"] = np.array(json.dumps(json.loads(str(arrays["meta"])) | {"taken": how}))
    np.savez(folder / "snap0.npz", **arrays)


def test_the_lists_of_a_live_snapshot_come_before_flags(live: Path) -> None:
    found = start_of(Recording(live))
    assert found.name == "live"
    assert np.array_equal(found.snapshot.lists, start_of(Recording(RECORDING)).snapshot.lists)
    assert found.assumptions == ["the generations of the LRU are two lists: the two youngest are active"]
    assert start_of(Recording(live), "live").name == "live"
    assert start_of(Recording(live), "flags").name == "flags"


def test_a_start_that_a_recording_does_not_have_is_refused(live: Path) -> None:
    with pytest.raises(InputError, match=r"its snap0\.npz is of a live start"):
        start_of(Recording(live), "dump")
    with pytest.raises(InputError, match=r"of a dump start; record as root"):
        start_of(Recording(RECORDING), "live")


def test_a_load_on_another_node_is_compared_from_that_nodes_flags(live: Path, tmp_path: Path) -> None:
    """The snapshot says that it is of node 1, where the load allocated nothing."""
    folder = tmp_path / "nodes"
    shutil.copytree(live, folder)
    taken(folder, start="live", node=1, nodes=2)
    zones = (folder / "zoneinfo.0").read_text()
    (folder / "zoneinfo.0").write_text(zones + ZONE.format(node=1, start=1 << 20, pages=4096))
    found = start_of(Recording(folder))
    assert found.name == "flags"
    assert any(told.startswith("of 2 nodes only node 0 is modelled, from which 100 %") for told in found.assumptions)


@pytest.mark.parametrize("how", [{"start": "asleep"}, {"differ": "some"}, {"torn": [1]}])
def test_a_snapshot_that_says_nonsense_of_itself_is_refused(live: Path, tmp_path: Path, how: dict[str, object]) -> None:
    folder = tmp_path / "nonsense"
    shutil.copytree(live, folder)
    taken(folder, **how)
    with pytest.raises(InputError, match="field taken"):
        start_of(Recording(folder))
