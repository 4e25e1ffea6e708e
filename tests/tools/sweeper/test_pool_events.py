"""Events travel between processes."""

import pickle

from sweeper.pool_events import Died, Done, Ready, Stopped


def test_they_survive_the_way() -> None:
    events = [Ready(1, "here"), Done(1, {"cell": "a"}, {"a.png": b"\x89"}), Died(2, "gone"), Stopped("full")]
    assert pickle.loads(pickle.dumps(events)) == events  # noqa: S301  (our own)
