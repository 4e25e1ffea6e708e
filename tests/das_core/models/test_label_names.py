"""Two ways to write a name are one name, and a plural leads to its singular."""

from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.models.label_names import list_singulars, normalise_name


@each_case(
    "text", ["jack-o'-lantern", " Jack_O\u2019_Lantern", "JACK O  LANTERN\n", "jack\to`-lantern", "jack_-o lantern"]
)
def test_spellings_of_one_name_are_alike(text: str) -> None:
    assert normalise_name(text) == "jack o lantern"


@given(st.text(max_size=40))
def test_a_normal_name_stays_as_it_is(text: str) -> None:
    assert normalise_name(normalise_name(text)) == normalise_name(text)


@each_case(
    ("plural", "singular"),
    [
        ("dogs", "dog"),
        ("puppies", "puppy"),
        ("wolves", "wolf"),
        ("knives", "knife"),
        ("foxes", "fox"),
        ("fish", "fish"),
    ],
)
def test_a_plural_leads_to_its_singular(plural: str, singular: str) -> None:
    forms = list_singulars(plural)
    assert forms[0] == plural
    assert singular in forms
