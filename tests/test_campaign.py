"""The campaign runs every file that tries more often in it.

Add here: a rule about the campaign as a whole. Not here: what a test does otherwise in it (the test).
"""

from pathlib import Path

from benchmarks.campaign import FILES

TESTS = Path(__file__).resolve().parent


def test_each_file_that_has_a_long_form_is_in_the_campaign() -> None:
    asking = {str(path.relative_to(TESTS.parent)) for path in TESTS.rglob("test_*.py") if _asks(path)}

    assert asking - set(FILES) == set()


def _asks(path: Path) -> bool:
    return "\nfrom tests.campaign import" in path.read_text()
