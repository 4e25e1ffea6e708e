"""The input of Optimize that chooses an optimizer: what its options make, and what it says of bad settings."""

from dataclasses import asdict

from cases import each_case
from loaded_pack import Pack, refuse_all


@each_case(("option", "kind"), [("ascent", "NormalizedAscent"), ("sgd", "SGD"), ("adam", "Adam")])
def test_an_option_makes_the_optimizer_of_das_core(pack: Pack, option: str, kind: str) -> None:
    made = pack.module("nodes.ascent.optimizers").read_optimizer({"optimizer": option})
    assert type(made).__name__ == kind


def test_the_options_and_their_defaults_are_those_of_the_optimizers(pack: Pack) -> None:
    module = pack.module("nodes.ascent.optimizers")
    options = module.optimizer_input().options
    assert [option.key for option in options] == ["ascent", "sgd", "adam"]
    for option in options:
        widgets = {widget.id: widget.default for widget in option.inputs}
        defaults = asdict(module.read_optimizer({"optimizer": option.key} | widgets))
        assert widgets == {name: defaults[name] for name in widgets}
        assert module.read_optimizer({"optimizer": option.key} | widgets) == module._OPTIMIZERS[option.key]()


test_what_cannot_be_is_refused = refuse_all(
    {
        r"optimizer is missing or unknown; choose ascent, sgd or adam": lambda pack: pack.optimize(
            optimizer={"optimizer": "lbfgs"}
        )
    }
)
