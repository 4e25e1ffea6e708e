"""The words above the class names: the table is well formed, and agrees with the names of the classes."""

from cases import each_case
from das_core.models.hypernyms import list_hypernyms
from das_core.models.label_sets import imagenet_labels

LABELS = imagenet_labels().labels
COVERS = {word: set(hypernym.classes) for hypernym in list_hypernyms() for word in hypernym.words}

# Classes with a name that ends with the word and is not meant by it.
MISNOMERS = {
    "dog": {275, 934}, "puppy": {29}, "terrier": {153}, "wolf": {148}, "cat": {383, 387}, "bear": {105, 387, 388, 850},
    "horse": {344}, "pig": {338}, "chicken": {83}, "car": {565, 705, 829, 864}, "cart": {575, 791},
    "house": {410, 498, 743, 762}, "seat": {861}, "light": {437, 920}, "screen": {556, 904}, "machine": {534, 778},
    "ball": {747}, "pot": {926}, "cup": {647}, "box": {401, 637}, "bag": {747, 797}, "jacket": {921}, "cap": {622},
    "helmet": {570},
}  # fmt: skip


def test_no_word_stands_twice_and_classes_stand_in_rising_order() -> None:
    words = [word for hypernym in list_hypernyms() for word in hypernym.words]
    assert len(words) == len(set(words)) > 200
    assert all(word == word.strip().lower() and word for word in words)
    for hypernym in list_hypernyms():
        assert list(hypernym.classes) == sorted(set(hypernym.classes) & set(range(1000))) != []


def test_classes_with_a_name_that_ends_with_the_word_are_covered() -> None:
    left_out = {
        word: {
            index
            for index, label in enumerate(LABELS)
            if index not in covered and any(name.lower().endswith(f" {word}") for name in label.names)
        }
        for word, covered in COVERS.items()
    }
    assert {word: classes for word, classes in left_out.items() if classes} == MISNOMERS


@each_case(
    ("word", "inside", "outside"),
    [
        ("animal", "tench; jellyfish; giant panda", "abacus; agaric; daisy"),
        ("mammal", "tusker; koala; dugong; Chihuahua; meerkat; giant panda", "flatworm; starfish; jellyfish"),
        ("bird", "cock; great grey owl; black grouse; black swan; albatross", "electric ray; tusker; grey whale"),
        ("fish", "tench; stingray; barracouta; puffer", "cock; starfish; jellyfish; grey whale"),
        ("dog", "Chihuahua; Mexican hairless", "sea lion; timber wolf; dingo; hotdog"),
        ("vehicle", "ambulance; school bus; moped; tank", "airliner; car wheel; miniskirt; wing"),
        ("building", "church; library; barn", "suspension bridge; fountain; mountain tent"),
        ("clothing", "gown; jean; trench coat", "velvet; wardrobe; cowboy hat"),
        ("vegetable", "head cabbage; cardoon", "mashed potato; mushroom; corn"),
        ("flower", "rapeseed; daisy; yellow lady's slipper", "scuba diver; corn; vase"),
    ],
)
def test_the_edges_of_a_hypernym_are_where_they_should_be(word: str, inside: str, outside: str) -> None:
    covered = {LABELS[index].names[0] for index in COVERS[word]}
    assert {label.names[0] for label in LABELS} >= set(outside.split("; "))
    assert covered >= set(inside.split("; "))
    assert not covered & set(outside.split("; "))
