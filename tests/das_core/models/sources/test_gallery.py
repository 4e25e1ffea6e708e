"""The gallery: what it lists, judges of one's own, digests, and lists that are wrong."""

import hashlib
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import open_clip
import pytest
import timm
import torch

import direct_ascent as da
from cases import each_case
from das_core.models.sources import download, gallery
from das_core.models.sources.classifier_files import list_file_architectures
from das_core.models.sources.files import fetch_repository, load_listed
from das_core.models.sources.gallery import Entry, fetch, list_gallery
from untrained import torchvision_model

KINDS = ("classifiers", "open_clip")


def test_every_judge_of_the_list_can_be_had_by_its_library() -> None:
    for kind in KINDS:
        entries = list_gallery(kind)
        assert entries
        for title, entry in entries.items():
            assert title.startswith(entry.name)
            assert entry.license in title
            assert entry.good_for
            assert entry.source.startswith("https://")
            library, _, name = entry.address.partition("/")
            if library == "timm":
                assert name in timm.list_models(pretrained=True)
            elif library == "open_clip":
                assert tuple(name.split("/")) in open_clip.list_pretrained()
            else:
                assert entry.address.startswith("https://")
                assert entry.digest
                assert entry.megabytes > 0
                known = {"classifiers": list_file_architectures(), "open_clip": open_clip.list_models()}
                assert entry.architecture in known[kind]


class Answers(BaseHTTPRequestHandler):
    """Answers with the files of `content`."""

    content: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        found = self.content.get(self.path.partition("?")[0])
        self.send_response(200 if found is not None else 404)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Answers.content, Answers.asked = {}, []
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()
    serving.server_close()


def test_a_judge_is_downloaded_once_and_held_to_its_digest(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"net": torchvision_model("squeezenet1_1").state_dict()}, tmp_path / "made.pth")
    content = (tmp_path / "made.pth").read_bytes()
    Answers.content["/a%20b.pth"] = content
    entry = Entry("My net, small", f"{server}/a%20b.pth?raw=true", architecture="torchvision/squeezenet1_1")
    # Addresses begin with https; the server of this test has no certificate.
    monkeypatch.setattr(gallery.Entry, "file", "a b.pth")
    judge = load_listed(entry, tmp_path)
    assert isinstance(judge, da.Classifier)
    (path,) = tmp_path.glob("gallery/My_net_small-*/a b.pth")
    assert path.read_bytes() == content
    assert path.with_name("a b.pth.sha256").read_text() == hashlib.sha256(content).hexdigest()
    load_listed(entry, tmp_path)
    assert len(Answers.asked) == 1
    path.write_bytes(content + b"x")
    with pytest.raises(ValueError, match=r"'a b.pth' is not the file it should be"):
        fetch(entry, tmp_path)
    path.unlink()
    Answers.content["/a%20b.pth"] = b"another"
    with pytest.raises(ValueError, match=r"'a b.pth' is not the file it should be"):
        fetch(entry, tmp_path)
    assert not path.exists()
    with pytest.raises(ValueError, match="is not the file it should be"):
        fetch(Entry("stated", entry.address, digest="0" * 64), tmp_path)


def test_a_repository_of_the_hub_brings_its_configuration(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "hf_hub_url", lambda repository, name: f"{server}/{repository}/{name}")
    torch.save(torchvision_model("squeezenet1_1").state_dict(), tmp_path / "made.bin")
    Answers.content |= {"/me/net/pytorch_model.bin": (tmp_path / "made.bin").read_bytes(), "/me/net/config.json": b"{}"}
    entry = Entry("mine", "hf-hub:me/net", architecture="torchvision/squeezenet1_1")
    assert isinstance(load_listed(entry, tmp_path), da.Classifier)
    assert (tmp_path / "me--net" / "config.json").is_file()
    # What is there is loaded without asking, also for the configurations that the repository lacks.
    asked = len(Answers.asked)
    load_listed(entry, tmp_path)
    assert len(Answers.asked) == asked
    for wrong in ("net", "../net", "a/b/c", "me/../net", "me/.."):
        with pytest.raises(ValueError, match="is no repository of the hub; write OWNER/NAME"):
            fetch_repository(wrong, tmp_path)


def test_each_name_and_address_has_a_file_of_its_own(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery.Entry, "file", "a.pth")
    wide = "\U0001f300" * 100
    names = ("net, small", "net; small", "..", "../..", "CON", wide)
    entries = [Entry(name, f"{server}/{n}/wide\u00fc.pth") for n, name in enumerate((*names, "net, small"))]
    Answers.content |= {f"/{n}/wide%C3%BC.pth": bytes([n]) for n in range(len(entries))}
    for _ in range(2):
        paths = [fetch(entry, tmp_path / "models") for entry in entries]
        assert [path.read_bytes() for path in paths] == [bytes([n]) for n in range(len(entries))]
    assert len(Answers.asked) == len(entries)
    assert {path.parent.parent for path in paths} == {tmp_path / "models" / "gallery"}


@each_case("damaged", b"", b"\xff" * 64, b"A" * 64, b"ab" * 20)
def test_a_damaged_digest_is_said_and_does_not_blame_the_file(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bytes
) -> None:
    monkeypatch.setattr(gallery.Entry, "file", "a.pth")
    Answers.content["/a.pth"] = b"weights"
    entry = Entry("mine", f"{server}/a.pth")
    kept = fetch(entry, tmp_path).with_name("a.pth.sha256")
    kept.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"a\.pth\.sha256' is damaged: .*; delete it"):
        fetch(entry, tmp_path)
    kept.unlink()
    assert fetch(entry, tmp_path).read_bytes() == b"weights"


OWN = """
[classifiers."Dogs of my street"]
address = "https://example.org/dogs/net.safetensors?download=1"
license = "my own"
megabytes = 12
"""


def test_a_file_in_the_folder_adds_ones_own(tmp_path: Path) -> None:
    (tmp_path / "gallery.toml").write_text(OWN)
    found = list_gallery("classifiers", tmp_path)
    assert found["Dogs of my street: 12 MB, my own"].file == "net.safetensors"
    assert len(found) == len(list_gallery("classifiers")) + 1
    assert len(list_gallery("open_clip", tmp_path)) == len(list_gallery("open_clip"))


@each_case(
    ("content", "message"),
    ("[classifiers", "Expected"),
    ("classifiers = 3", "classifiers is no table"),
    ('[classifiers.a]\nlicense = "x"', "'a' has no address"),
    ('[classifiers.a]\naddress = "http://example.org/a.pt"', "the address of 'a' is neither"),
    ('[classifiers.a]\naddress = "https://example.org/"', "the address of 'a' is neither"),
    ('[classifiers.a]\naddress = "https://example.org/..%2F..%2Fa.pt/.."', "the address of 'a' is neither"),
    ('[classifiers.a]\naddress = "file:///etc/passwd"', "the address of 'a' is neither"),
    ('[classifiers.a]\naddress = "timm/a"\ndigest = "12"', "the digest of 'a' is no SHA-256"),
    ('[classifiers.a]\naddress = "timm/a"\nmegabytes = "9"', "size of 'a' '9' is not between 0"),
    ('[classifiers.a]\naddress = "timm/a"\ncolour = "9"', "unknown key 'colour'"),
    ('[classifiers.a]\naddress = "timm/a"\nname = "b"', "unknown key 'name'"),
    ('[classifiers.a]\naddress = "timm/a"\nlicense = 3', "no text of at most 2000"),
    (f'[classifiers.{"a" * 101}]\naddress = "timm/a"', "a name of 101 characters"),
    (f'[classifiers.a]\naddress = "https://example.org/{"字" * 100}.pt"', "name takes 303 bytes; 100 are allowed"),
    ("a = [" + "\n[" * 30_000, "recursion"),
    ("a = " + "[" * 30_000, "a line of more than 2500 characters"),
    ("[" + "a." * 30_000 + "a]", "a line of more than 2500 characters"),
    ("#" * 2**21, "larger than a list"),
    ("[a]\n\x00", "Invalid"),
)
def test_a_list_that_is_wrong_says_where(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "gallery.toml").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path))}.gallery.toml cannot be read .*{message}"):
        list_gallery("classifiers", tmp_path)
