"""List Model Layers: what it lists and puts out."""

import re
from typing import Any

from loaded_pack import Pack, Toy


def test_layers_are_listed_and_searched(pack: Pack, starter: Any) -> None:
    (text,) = pack.run("DAS_ListLayers", model=pack.classifier(Toy()))
    assert text.splitlines() == [
        "toy: 2 layers. Style takes convolution; content convolution.",
        "",
        "convolution  8 channels, 6 x 6  Conv2d",
        "head         4 channels         Linear",
    ]
    (text,) = pack.run("DAS_ListLayers", model=starter, search="BLOCKS.3 conv_dw")
    head, _, *lines = text.splitlines()
    assert re.match(r"EfficientNet-Lite0: 3 of its \d+ layers match 'BLOCKS.3 conv_dw'\. Style takes bn1, bl", head)
    assert [line.split()[0] for line in lines] == [f"blocks.3.{n}.conv_dw" for n in range(3)]
    (text,) = pack.run("DAS_ListLayers", model=starter, search="transformer")
    assert len(text.splitlines()) == 1
