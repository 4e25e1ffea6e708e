"""Names of models: their order in lists."""

from das_core.models.sources.names import sort_common_first


def test_common_names_come_first_in_their_own_order_and_none_is_lost_or_made_up() -> None:
    assert sort_common_first(iter("abcd"), ["d", "x", "b"]) == ["d", "b", "a", "c"]
