"""The node Class Objective."""

from comfy_api.latest import io

from ...das_core.models.classifier import Classifier as CoreClassifier
from ...das_core.models.hypernyms import list_hypernyms
from ...das_core.models.labels import UnknownClassError, imagenet_labels
from ...das_core.objectives import classes as core
from ..node import Node
from ..schema import Classifier, Objective, add_advice, list_options, schema, tip, weight_input


class ClassObjective(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ClassObjective",
            display_name="Class Objective",
            category="Direct Ascent/objectives",
            description="Ask for an image that the classifier is sure of: 'jellyfish', 'volcano', 'all dog', … Names, "
            "WordNet ids and indices all work; an unknown name is answered with the nearest ones. An arrow key down "
            "in the empty text box lists all names of ImageNet.",
            aliases="imagenet, class, label, category, direct ascent",
            advanced=["score", "weight"],
            inputs=[
                Classifier.Input("classifier", tooltip="The model to convince, from Load Classifier."),
                tip(
                    # web/class_suggestions.js offers these names and words.
                    io.String.Input(
                        "classes",
                        default="jellyfish",
                        multiline=True,
                        extra_dict={"names": list_names(), "kinds": list_words()},
                    ),
                    "A class a line: a name, a WordNet id or an index, and ': weight' after it if you like, or "
                    "'(jellyfish:1.3)'. 'jellyfish' and 'goldfish: 0.5' on two lines blend; 'water bottle: -0.5' "
                    "keeps bottles away. Classes with commas between them share the weight of their line. 'all dog' "
                    "is every dog; cat, bird, fish, snake, insect, car, boat, fruit and 200 more words work like it.",
                ),
                tip(
                    io.Combo.Input(
                        "score", options=list_options(core.ScoreKind, "log_probability"), default="log_probability"
                    ),
                    "What counts. log_probability: views in which the model is sure have no more effect, so one whole "
                    "subject comes out. logit: the raw score, as in the paper; more and more of it, in parts. margin: "
                    "pushes away the strongest rival. share: for films, as Direct Ascent Keyframes has it.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(cls, classifier: CoreClassifier, classes: str, score: core.ScoreKind, weight: float) -> io.NodeOutput:
        with add_advice(UnknownClassError, advise_list(classifier)):
            return io.NodeOutput(weight * core.classes(classes, score).on(classifier))


def list_names() -> list[str]:
    """Return the classes of ImageNet by name; the index precedes a name that two share, and sorts nothing."""
    labels = imagenet_labels()
    names = map(labels.unique_name, range(len(labels)))
    return sorted(names, key=lambda name: name.lstrip("0123456789 ").casefold())


def list_words() -> list[str]:
    """Return the words that stand for several classes of ImageNet after 'all'."""
    return [word for hypernym in list_hypernyms() for word in hypernym.words]


def advise_list(classifier: CoreClassifier) -> str:
    """Return the end of an error message: what lists all classes, and which nodes take words for what is no class."""
    is_imagenet = classifier.labels == imagenet_labels()
    names = ". An arrow key down in the empty text box of Class Objective lists all names" if is_imagenet else ""
    return f"{names}. For anything else, give words to Load CLIP Judge and Text Objective"
