"""Names of models: their order in lists, and in messages."""

from das_core.models.sources.names import shorten, sort_common_first


def test_common_names_come_first_in_their_own_order_and_none_is_lost_or_made_up() -> None:
    assert sort_common_first(iter("abcd"), ["d", "x", "b"]) == ["d", "b", "a", "c"]


def test_a_message_repeats_short_names_whole_and_long_ones_in_part() -> None:
    assert shorten("resnet19") == "resnet19"
    assert shorten(["a", 3]) == "['a', 3]"
    assert shorten("x" * 1_000_000) == "x" * 100 + "…"
