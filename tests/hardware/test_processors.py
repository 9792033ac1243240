from __future__ import annotations

import os
from pathlib import Path

from edge_sale.hardware.processors import cores, physical, quota


def test_no_more_cores_than_this_process_may_use():
    """At least one core, at most those the machine has."""
    assert 1 <= cores() <= (os.cpu_count() or 1)


def group(root: Path, path: str, **files: str) -> None:
    (root / path).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / path / name.replace("__", ".")).write_text(text)


def test_the_tightest_control_group_counts(tmp_path: Path):
    """A quota may stand at the process's own group or at one around it; "max" is none."""
    own = tmp_path / "own"
    own.write_text("0::/machine/job\n")
    group(tmp_path, "machine/job", cpu__max="max 100000\n")
    assert quota(tmp_path, own) is None
    group(tmp_path, "machine", cpu__max="150000 100000\n")
    assert quota(tmp_path, own) == 1.5
    group(tmp_path, "machine/job", cpu__max="50000 100000\n")
    assert quota(tmp_path, own) == 0.5


def test_a_group_of_the_host_falls_back_on_the_containers(tmp_path: Path):
    """Where the path is not there, the root is the container's own group; of the older version there is a tree."""
    own = tmp_path / "own"
    own.write_text("0::/docker/abc\n")
    group(tmp_path, "", cpu__max="200000 100000\n")
    assert quota(tmp_path, own) == 2.0
    own.write_text("5:memory:/x\n4:cpu,cpuacct:/x\n")
    group(tmp_path, "cpu/x", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    assert quota(tmp_path, own) is None
    group(tmp_path, "cpu", cpu__cfs_quota_us="300000\n", cpu__cfs_period_us="100000\n")
    assert quota(tmp_path, own) == 3.0
    assert quota(tmp_path, tmp_path / "nowhere") is None


def test_hyperthreads_count_once(tmp_path: Path):
    """Four logical processors on two cores are two; where the system does not say, each counts."""
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert physical(range(4), tmp_path) == 2
    assert physical([0, 2], tmp_path) == 1
    assert physical(range(4), tmp_path / "none") == 4
