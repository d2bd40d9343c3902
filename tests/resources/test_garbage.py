"""While the garbage collector is paused nothing is collected, and afterwards it is as it was."""

import gc

import pytest

from resources.garbage import collector_paused


def test_collector_is_paused_in_the_block_alone():
    with collector_paused(), collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_collector_works_again_after_an_error():
    with pytest.raises(ValueError, match="any"), collector_paused():
        raise ValueError("any")
    assert gc.isenabled()


def test_who_has_turned_it_off_finds_it_off():
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
