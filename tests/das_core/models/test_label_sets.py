"""The thousand names of ImageNet, and numbers for models of other classes."""

import pytest
from timm.data import ImageNetInfo

from das_core.models.label_sets import choose_labels, imagenet_labels


def test_the_names_are_those_of_wordnet_in_the_order_of_imagenet() -> None:
    labels = choose_labels(1000)
    assert labels is imagenet_labels()
    assert [label.wordnet for label in labels.labels] == ImageNetInfo().label_names()
    assert labels.labels[281].names == ("tabby", "tabby cat")
    assert labels.find_hypernym("cat") is not None
    # Meanings are short enough to list.
    assert all(0 < len(label.meaning) <= 60 for label in labels.labels)


def test_labels_for_other_counts_are_numbers() -> None:
    ten = choose_labels(10)
    assert len(ten) == 10
    assert ten.name(3) == "class 3"
    assert ten.find("3") == ten.find("class 3") == ten.find("Class_3") == 3
    with pytest.raises(ValueError, match="classes 0 to 9"):
        ten.find("10")
