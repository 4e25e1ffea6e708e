"""The input of Optimize that chooses an optimizer: what its options make, and what it says of bad settings."""

from dataclasses import asdict
from typing import Any

from cases import each_case
from loaded_pack import Pack, assert_refused


@each_case(
    ("option", "kind", "settings"),
    [
        ("ascent", "NormalizedAscent", {"step_size": 0.03, "momentum": 0.1, "coarse_to_fine": 0.2}),
        ("sgd", "SGD", {"learning_rate": 2.0, "momentum": 0.9}),
        ("adam", "Adam", {"learning_rate": 0.04}),
    ],
)
def test_an_option_makes_the_optimizer_of_das_core_with_its_settings(
    pack: Pack, option: str, kind: str, settings: dict[str, float]
) -> None:
    made = pack.module("nodes.ascent.optimizers").read_optimizer({"optimizer": option, **settings})
    assert type(made).__name__ == kind
    assert {name: getattr(made, name) for name in settings} == settings


def test_the_options_and_their_defaults_are_those_of_the_optimizers(pack: Pack) -> None:
    module = pack.module("nodes.ascent.optimizers")
    options = module.optimizer_input().options
    assert [option.key for option in options] == ["ascent", "sgd", "adam"]
    for option in options:
        widgets = {widget.id: widget.default for widget in option.inputs}
        defaults = asdict(module.read_optimizer({"optimizer": option.key} | widgets))
        assert widgets == {name: defaults[name] for name in widgets}
        assert module.read_optimizer({"optimizer": option.key} | widgets) == module._OPTIMIZERS[option.key]()


def test_a_workflow_from_before_there_was_a_tilt_has_none(pack: Pack) -> None:
    old = {"optimizer": "ascent", "step_size": 0.06, "momentum": 0.0, "coarse_to_fine": 0.0}
    none, some, left = (
        pack.optimize(steps=2, optimizer=old | more)[0] for more in ({"tilt": 0.0}, {"tilt": 1.0}, {"tilt": None})
    )
    assert none.equal(left)
    assert not some.equal(left)


BAD: dict[str, dict[str, Any]] = {
    r"optimizer is missing or unknown; choose ascent, sgd or adam": {"optimizer": "lbfgs"},
    r"coarse_to_fine 2.0": {"optimizer": "ascent", "coarse_to_fine": 2.0},
}


@each_case(("message", "choice"), list(BAD.items()))
def test_a_bad_setting_is_named_with_what_would_do(pack: Pack, message: str, choice: dict[str, Any]) -> None:
    assert_refused(pack, message, lambda pack: pack.optimize(optimizer=choice))


def test_a_missing_choice_is_named_with_the_options(pack: Pack) -> None:
    # ComfyUI leaves an unknown choice in an API-format file out.
    message = r"optimizer is missing or unknown; choose ascent, sgd or adam"
    assert_refused(pack, message, lambda pack: pack.module("nodes.ascent.optimizers").read_optimizer(None))
