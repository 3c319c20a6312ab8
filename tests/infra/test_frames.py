"""Frames and fixes: what is packed comes back, fits into a notice, and nothing broken gets through."""

import itertools
from dataclasses import replace
from math import ceil, inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabstand.infra import frames
from cabstand.infra.frames import Fixes, NotAFrame, pack_fixes, pack_frame, read_frame, read_messages, unpack_fixes


def fixes(count: int) -> Fixes:
    """Of drivers 1 … count."""
    column = np.arange(count, dtype=np.float64)
    return Fixes(
        driver=np.arange(1, count + 1),
        at=1_780_000_000 + column / 1000,
        latitude=np.linspace(-90, 90, count),
        longitude=np.linspace(-180, 180, count),
        heading=column % 360,
        speed=np.full(count, nan),
        accuracy=np.full(count, 5.0),
    )


@given(st.lists(st.binary(max_size=300), max_size=19), st.integers(0, 10**20 - 1))
def test_a_frame_gives_back_its_messages_and_fits_into_a_notice(messages: list[bytes], number: int) -> None:
    topic = "t" * frames.LONGEST_TOPIC
    text = pack_frame("a" * frames.SENDER, topic, number, messages)
    assert len(text.encode()) <= frames.LARGEST_FRAME
    frame = read_frame(text)
    assert (frame.topic, frame.number, read_messages(frame)) == (topic, number, messages)


def test_a_full_frame_fits_into_a_notice_and_one_byte_more_is_refused() -> None:
    head = ("a" * frames.SENDER, "t" * frames.LONGEST_TOPIC, 10**20 - 1)
    assert len(pack_frame(*head, [bytes(frames.LARGEST_MESSAGE)])) <= frames.LARGEST_FRAME
    with pytest.raises(ValueError, match="do not fit"):
        pack_frame(*head, [bytes(frames.LARGEST_MESSAGE - 1), b""])


@pytest.mark.parametrize("count", [0, 1, frames.FIXES_PER_MESSAGE, frames.FIXES_PER_MESSAGE + 1, 1000])
def test_fixes_come_back_as_they_went_to_a_centimetre(count: int) -> None:
    before, messages = fixes(count), pack_fixes(fixes(count))
    assert len(messages) == ceil(count / frames.FIXES_PER_MESSAGE)
    after = unpack_fixes(messages)
    for name in ("driver", "at", "heading", "speed", "accuracy"):
        assert np.array_equal(getattr(after, name), getattr(before, name), equal_nan=name == "speed")
    assert np.allclose(after.latitude, before.latitude, rtol=0, atol=0.5e-7)
    assert np.allclose(after.longitude, before.longitude, rtol=0, atol=0.5e-7)


def test_a_frame_holds_more_than_140_fixes() -> None:
    [message] = pack_fixes(fixes(141))
    assert len(pack_frame("a" * frames.SENDER, "positions", 0, [message])) <= frames.LARGEST_FRAME


@pytest.mark.parametrize(("name", "value"), list(itertools.product(("latitude", "longitude"), (nan, inf, -180.1, 181))))
def test_a_place_outside_the_world_is_not_packed(name: str, value: float) -> None:
    wrong = fixes(3)
    getattr(wrong, name)[1] = value
    with pytest.raises(ValueError, match=f"{name} is outside"):
        pack_fixes(wrong)


def test_a_message_that_is_no_fixes_is_refused() -> None:
    with pytest.raises(NotAFrame, match="multiple"):
        unpack_fixes([bytes(35)])


def test_columns_of_different_lengths_are_not_packed() -> None:
    wrong = replace(fixes(3), speed=np.full(1, 9.0))
    with pytest.raises(ValueError, match="shape"):
        pack_fixes(wrong)
