"""`make fuzz SECONDS=60`: every target for its share of the time, guided by coverage (atheris).

One line for each.

A finding ends its target, is written to build/fuzz/TARGET/ and makes the exit code 1. What has been
found to reach new branches is kept in build/fuzz/TARGET/corpus and is where the next run begins.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "host_tests" / "kits"), str(Path(__file__).parent)]
PLACE = ROOT / "build" / "fuzz"
HOW_TO_GET_IT = (
    "atheris is not here: make fuzz installs it on CPython 3.11 to 3.13 on Linux; "
    "it has no wheels for others"
)
_GRACE_S = 30  # a target's own start, and the last input's end
_INPUT_S = 10  # an input that takes longer is a finding
_RSS_MB = 2048


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz what reads bytes from outside.")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--target", default="", help="only this one")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        sys.stderr.write(HOW_TO_GET_IT + "\n")
        return 2
    from targets import TARGETS

    if given.target and given.target not in TARGETS:
        sys.stderr.write(f"no target is called {given.target}: take one of {', '.join(TARGETS)}\n")
        return 2
    if given.inside:
        _fuzz(given.target, given.seconds)
        return 0
    names = [given.target] if given.target else list(TARGETS)
    share = max(given.seconds // len(names), 1)
    _sow(names)
    findings = sum(_run(name, share) for name in names)
    sys.stdout.write(f"{findings} findings\n")
    return 1 if findings else 0


def _sow(names: list[str]) -> None:
    import seeds

    heard = seeds.Sessions()
    for name in names:
        corpus = PLACE / name / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(seeds.of(name, heard)):
            (corpus / f"seed-{number:04d}").write_bytes(text)


def _run(name: str, seconds: int) -> int:
    """One target in a process of its own, since a finding ends the process. Findings: 0 or 1."""
    command = [sys.executable, __file__, "--inside", "--target", name, "--seconds", str(seconds)]
    place = PLACE / name
    log = place / "log"
    with log.open("wb") as out:
        try:
            code = subprocess.run(
                command, stdout=out, stderr=out, timeout=seconds + _GRACE_S, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    text = log.read_text(encoding="utf-8", errors="replace")
    runs = re.findall(r"stat::number_of_executed_units:\s*(\d+)|^#(\d+)\s", text, re.MULTILINE)
    count = int("".join(runs[-1])) if runs else 0
    branches = re.findall(r"cov: (\d+)", text)
    line = f"{name:9} {count:9} runs in {seconds} s, {branches[-1] if branches else 0} branches, "
    if not code and count:
        sys.stdout.write(line + "0 findings\n")
        return 0
    why = re.search(r"^(?:\w+\.)*(\w*(?:Error|Exception|Failed)\b.*)$", text, re.MULTILINE)
    kept = re.findall(r"written to (\S+)", text)
    where = Path(kept[-1]).relative_to(ROOT) if kept else log.relative_to(ROOT)
    sys.stdout.write(f"{line}1 finding: {why[1] if why else 'it hung or died'}; see {where}\n")
    return 1


def _fuzz(name: str, seconds: int) -> None:
    """In the target's own process; ends it."""
    import atheris
    from targets import TARGETS

    run, modules, longest = TARGETS[name]
    for module in modules:
        _instrument(module, atheris.instrument_func)
    place = PLACE / name
    settings = [
        f"-max_total_time={seconds}",
        f"-max_len={longest}",
        f"-timeout={_INPUT_S}",
        f"-rss_limit_mb={_RSS_MB}",
    ]
    settings += [
        f"-artifact_prefix={place}/",
        "-print_final_stats=1",
        "-seed=1",
        str(place / "corpus"),
    ]
    atheris.Setup([sys.argv[0], *settings], run)
    atheris.Fuzz()


def _instrument(module: ModuleType, instrument: object) -> None:
    """Let every function and method of this module report its branches."""
    for value in vars(module).values():
        owned = getattr(value, "__module__", None) == module.__name__
        if isinstance(value, FunctionType) and owned:
            instrument(value)
        elif isinstance(value, type) and owned:
            for method in vars(value).values():
                if isinstance(method, FunctionType) and "__dataclass" not in method.__qualname__:
                    instrument(method)


if __name__ == "__main__":
    sys.exit(main())
