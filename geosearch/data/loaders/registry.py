"""Loading: a specification such as 'fonts/serif-upper' or 'npz:PATH' becomes a loader, and the loader a set."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from geosearch.data import loaders as room
from geosearch.data.dataset import LabelledSet
from geosearch.data.fit import Fit
from geosearch.data.loaders.base import LOADERS, DatasetInfo, Loader, LoadOptions, OnDamaged, Part
from geosearch.data.loaders.file_pixels import SetRendering
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import UnknownDatasetError
from geosearch.runtime.registry import import_extensions


def loader_classes() -> tuple[type[Loader], ...]:
    """Every registered kind of loader, in the order of their forms."""
    for name in dir(room):
        if name.endswith("Loader"):
            getattr(room, name)  # imports the file, which registers the class
    import_extensions()
    return tuple(LOADERS[form] for form in sorted(LOADERS))


def spec_forms() -> str:
    """How a specification may be written, for messages and help texts: "digits, fonts/FAMILY-CHARSET, ..."."""
    return ", ".join(loader.form for loader in loader_classes())


def find_loader(
    spec: str,
    *,
    root: Path | str | None = None,
    download: bool = False,
    size_hint: int | None = None,
    fit: Fit = "crop",
    on_damaged: OnDamaged = "skip",
    rendering: SetRendering | None = None,
) -> Loader:
    """The loader of the set that `spec` names; arguments as for `load` and `LoadOptions`.

    >>> with find_loader("digits") as loader:
    ...     print(loader.has_labels, loader.has_test, loader.portable_id)
    True False digits

    Raises:
        UnknownDatasetError: no loader knows such a name; the message gives the nearest known one.
    """
    spec, options = str(spec), LoadOptions(root, download, size_hint, fit, on_damaged, rendering)
    if loader := _parse(spec, options):
        return loader
    raise UnknownDatasetError(f"no data set '{spec}'; expected {spec_forms()}; {_hint(spec, options)}")


def complete_spec(spec: str) -> str:
    """A specification, or what a plain path means: a folder, or a file of a known kind.

    >>> complete_spec("mine.npz"), complete_spec("digits")
    ('npz:mine.npz', 'digits')
    """
    if _parse(spec, LoadOptions()):
        return spec
    return next((meant for loader in loader_classes() if (meant := loader.suggest(spec))), spec)


def load(
    spec: str,
    *,
    part: Part = "train",
    root: Path | str | None = None,
    download: bool = False,
    size_hint: int | None = None,
    fit: Fit = "crop",
) -> LabelledSet:
    """The labelled set that `spec` names.

    Args:
        spec: ``digits``, ``fonts/FAMILY-CHARSET``, ``torchvision:NAME``, ``npz:PATH``, ``imagefolder:PATH`` or
            ``labels_table:PATH``; in a PATH, ``~`` and ``${VARIABLES}`` are expanded.
        part: "train", or "test" where the set has a test part; a set without one is all "train".
        root: folder of torchvision's files; ``torchvision`` in the cache folder if None.
        download: let torchvision download what is missing.
        size_hint: side in pixels at which glyphs are drawn and image files are read.
        fit: how image files of another aspect ratio are brought to one shape: "crop", "pad" or "stretch".

    Raises:
        UnknownDatasetError: no set of that name, no file at that path, or no test part.
        InvalidDataError: files that are damaged, or hold something else; a set without labels.
        StorageError: a download that failed.
        TooLargeError: images that would need more memory than the limits allow.

    >>> load("fonts/sans-digits", size_hint=10)
    LabelledSet('fonts/sans-digits', 4000 images (10, 10, 1), 10 classes)
    """
    with find_loader(spec, root=root, download=download, size_hint=size_hint, fit=fit) as loader:
        return loader.read_labelled(part)


def load_unlabelled(
    spec: str,
    *,
    root: Path | str | None = None,
    download: bool = False,
    size_hint: int | None = None,
    fit: Fit = "crop",
) -> UnlabelledSet:
    """The images of the set that `spec` names (its training part), without the labels that it may have.

    A folder needs no classes: all images in it are taken if its sub-folders are none. Arguments and errors are those
    of `load`.

    >>> load_unlabelled("digits")
    UnlabelledSet('digits', 1797 images (8, 8, 1))
    """
    with find_loader(spec, root=root, download=download, size_hint=size_hint, fit=fit) as loader:
        return loader.read_without_labels()


def portable_id(spec: str) -> str:
    """A specification without what differs between machines; itself if no loader knows it.

    >>> portable_id("npz:/data/mnist.npz")
    'npz:mnist.npz'
    """
    loader = _parse(spec, LoadOptions())
    return loader.portable_id if loader else spec


def list_datasets(*, root: Path | str | None = None) -> list[DatasetInfo]:
    """Every set that can be loaded by name; files and folders of your own come on top.

    >>> list_datasets()[0].spec
    'digits'
    """
    return [info for loader in loader_classes() for info in loader.named(LoadOptions(root))]


def _parse(spec: str, options: LoadOptions) -> Loader | None:
    return next((found for loader in loader_classes() if (found := loader.parse(spec, options))), None)


def _hint(spec: str, options: LoadOptions) -> str:
    """The nearest known specification, or where all are listed."""
    for loader in loader_classes():
        if meant := loader.suggest(spec):
            return f"did you mean '{meant}'?"
    known = [info.spec for loader in loader_classes() for info in loader.named(options)]
    names = {name.lower(): name for name in known}
    names |= {name.split(":")[-1].lower(): name for name in known}
    close = get_close_matches(spec.lower(), names, n=1, cutoff=0.5)
    return f"did you mean '{names[close[0]]}'?" if close else "see `geosearch domains`"
