"""`--share K/N` and `--slow K/N`: the shares of a run have each selected test once."""

from pathlib import Path

from test_deadlines import run

SEVEN = "".join(f"def test_{number}():\n    pass\n" for number in range(7))


def test_the_shares_have_each_test_once(tmp_path: Path) -> None:
    seen = []
    for first in range(10, 13):
        code, output = run(tmp_path, SEVEN, "-n", "0", "-vv", "--share", f"{first}/3")
        assert code == 0, output
        seen += [word for word in output.split() if word.startswith("test_trial.py::test_")]
    assert sorted(set(seen)) == [f"test_trial.py::test_{number}" for number in range(7)]
    assert len(set(seen)) == 7
    counts = [seen.count(name) for name in set(seen)]
    assert min(counts) == max(counts), "none is in two shares"


SLOW = "import pytest\n" + "".join(
    f"{'@pytest.mark.slow' * (number > 2)}\ndef test_{number}():\n    pass\n" for number in range(7)
)


def test_the_shares_of_the_slow_have_each_of_them_once_and_the_others_always(
    tmp_path: Path,
) -> None:
    seen = []
    for first in range(3):
        code, output = run(tmp_path, SLOW, "-n", "0", "-vv", "--slow", f"{first}/3")
        assert code == 0, output
        words = {word for word in output.split() if word.startswith("test_trial.py::test_")}
        seen += [word.removeprefix("test_trial.py::test_") for word in words]
    assert sorted(seen) == sorted("012" * 3 + "3456")
