"""Mutations: bytes, study files, npz files, image folders, databases and addresses made a little wrong."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import sqlite3
import struct
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

HUGE = (2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**30, -1, 0, 1, 255, 65536)
TEXTS = (
    "", " ", ".", "..", "/", "~", "../../x", "CON", "a" * 5000, "\x00", "\n",
    "é\u202e\ud7ff", "<script>alert(1)</script>",
    "${HOME}", "$HOME", "npz:", "npz:/", "npz:.", "imagefolder:.", "imagefolder:/dev", "torchvision:MNIST", "digits",
    "fonts/sans-digits", "npz:\x00", "nan", "%s%n", "'; DROP TABLE trials; --", "{{ 7 * 7 }}", "sqlite://", "sqlite:///",
)  # fmt: skip
VALUES = (*HUGE, *TEXTS, 1e308, -1e308, float("inf"), float("nan"), 0.5, True, False, [], {}, [[]], [0], ["digits"])


def bytes_(rng: random.Random, content: bytes) -> bytes:
    """One to four small damages anywhere."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at, size = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 4, 16, 200))
        match rng.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + size] = rng.randbytes(size)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = rng.randbytes(size)
            case 4:
                data[at:at] = data[at : at + size] * rng.randint(1, 9)
            case 5:
                del data[at:]
            case _:
                data[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1)))
    return bytes(data)


def json_(rng: random.Random, text: str) -> str:
    """A JSON object with a value that does not belong there."""
    changed = json.loads(text)
    changed[rng.choice((*changed, *TEXTS))] = rng.choice(VALUES)
    return json.dumps(changed)


def toml(rng: random.Random, study: dict[str, Any]) -> str:
    """The study file with a few values, keys or sections that do not belong there."""
    changed = {section: dict(keys) for section, keys in study.items()}
    for _ in range(rng.randint(1, 3)):
        section = rng.choice(list(changed))
        keys = changed[section]
        match rng.randrange(6):
            case 0 if keys:
                keys.pop(rng.choice(list(keys)))
            case 1:
                keys[rng.choice(TEXTS)] = rng.choice(VALUES)
            case 2:
                changed[rng.choice(("limits", "recipe", "transport", *TEXTS))] = {rng.choice(TEXTS): rng.choice(VALUES)}
            case _ if keys:
                keys[rng.choice(list(keys))] = rng.choice(VALUES)
    return "\n".join(f"[{_key(name)}]\n" + _lines(keys) for name, keys in changed.items())


def npz(rng: random.Random, path: Path, good: dict[str, np.ndarray]) -> None:
    """An npz file whose arrays, headers or archive are odd."""
    match rng.randrange(4):
        case 0:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **good)
            path.write_bytes(bytes_(rng, buffer.getvalue()))
        case 1:
            _odd_arrays(rng, path, good)
        case 2:
            _odd_headers(rng, path, good)
        case _:
            _odd_archive(rng, path, good)


def image_folder(rng: random.Random, folder: Path) -> None:
    """One file damaged, or something among the files that is none."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    file = rng.choice(files)
    if rng.random() < 0.7:
        file.write_bytes(bytes_(rng, file.read_bytes()))
        return
    match rng.randrange(8):
        case 0:
            (file.parent / "loop.png").symlink_to(file.parent)
        case 1:
            os.mkfifo(file.parent / "pipe.png")
        case 2:
            (file.parent / "folder.png").mkdir()
        case 3:
            shutil.rmtree(file.parent)
        case 4:
            file.write_bytes(b"")
        case 5:
            file.rename(file.with_suffix(rng.choice((".gif", ".tiff", ".webp", ".pgm", ".bmp", ".jpg"))))
        case 6:
            file.write_bytes(_png(rng.choice(HUGE[:2]), rng.choice((1, 2**31 - 1))))
        case _:
            file.write_bytes(b"P5 %d %d 255\n" % (rng.choice(HUGE[:4]), rng.choice(HUGE[:4])))


def database(rng: random.Random, path: Path) -> None:
    """A study's database damaged as a file, or holding what does not belong there."""
    if rng.random() < 0.4:
        path.write_bytes(bytes_(rng, path.read_bytes()))
        return
    with closing(sqlite3.connect(path)) as connection:
        for _ in range(rng.randint(1, 3)):
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            table = rng.choice(tables)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            try:
                match rng.randrange(5):
                    case 0:
                        connection.execute(f"DROP TABLE {table}")
                    case 1:
                        connection.execute(f"DELETE FROM {table} WHERE random() % 3 = 0")
                    case _:
                        value = rng.choice((*HUGE[:3], *TEXTS, 0.5, None, "null", "[]", "{}", '{"format": 7}', b"\xff"))
                        where = rng.choice(("", " WHERE random() % 3 = 0"))
                        connection.execute(f"UPDATE {table} SET {rng.choice(columns)} = ?{where}", (value,))
            except (sqlite3.Error, OverflowError):
                pass
        connection.commit()


def address(rng: random.Random, secret: str) -> str:
    """Something like a storage address, most with a password in it."""
    user = rng.choice(
        (f"me:{secret}@", f"me:{secret}@", f":{secret}@", "me@", "", f"me:{secret}%40@", f"me:x{secret}@@")
    )
    kind = rng.choice((
        "postgresql", "postgresql+psycopg2", "mysql", "mysql+pymysql", "oracle", "mssql", "redis", "sqlite", "http",
        "sqlite+pysqlite", "journal", "grpc", "", "POSTGRESQL", "file", "sqlite+aiosqlite",
    ))  # fmt: skip
    host = rng.choice(("127.0.0.1:1", "localhost:1", "127.0.0.1:99999", "127.0.0.1:x", "[::1]:1", ""))
    tail = rng.choice(
        ("x", "", "x?password=" + secret, "x?mode=ro&uri=true", "\x00", "a/b", "?", "%zz", "x#y", "x" * 300)
    )
    text = f"{kind}://{user}{host}/{tail}"
    if rng.random() < 0.5:
        at = rng.randrange(
            len(text) - len(tail)
        )  # not in the query: a parameter that is called otherwise is no password
        if secret not in text[max(at - len(secret), 0) : at + len(secret)]:
            text = text[:at] + rng.choice((":", "/", "@", "?", " ", "é", "\n", "[")) + text[at + rng.randint(0, 1) :]
    return text


def _key(name: str) -> str:
    return '"' + name.encode("unicode_escape").decode().replace('"', '\\"').replace("\\x", "\\u00") + '"'


def _lines(keys: Any) -> str:
    if not isinstance(keys, dict):
        return ""
    return "".join(f"{_key(name)} = {_literal(value)}\n" for name, value in keys.items())


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{}"
    return _key(value) if isinstance(value, str) else repr(value)


def _odd_arrays(rng: random.Random, path: Path, good: dict[str, np.ndarray]) -> None:
    arrays: dict[str, Any] = dict(good)
    key = rng.choice(list(arrays))
    array = arrays[key]
    odd = (
        lambda: array.astype(rng.choice(("f4", "f8", "i8", "u8", "U5", "S3", "c16", "?", "M8[s]", "i1", "f2", ">i4"))),
        lambda: np.array([{}, []], dtype=object),
        lambda: array[:0],
        lambda: array[None],
        lambda: array.reshape(-1),
        lambda: np.full(array.shape, rng.choice((np.nan, np.inf, -1.0, 1e300))),
        lambda: np.array(rng.choice(HUGE[:3])),
        lambda: array[::-1][: len(array) // 2],
        lambda: np.array([rng.choice(HUGE[:3])] * len(array)),
        lambda: np.zeros(3, dtype=[("a", "i4"), ("b", "U3")]),
    )
    arrays[key] = rng.choice(odd)()
    if rng.random() < 0.3:
        arrays[rng.choice(("class_names", "license", "test_images", "train_images", "test_labels"))] = rng.choice(odd)()
    np.savez_compressed(path, allow_pickle=True, **arrays)


def _odd_headers(rng: random.Random, path: Path, good: dict[str, np.ndarray]) -> None:
    """A member whose npy header promises something else than follows."""
    shape = rng.choice(
        ("(1099511627776,)", "(-5, 3)", "(2147483648, 2147483648)", "(160,)", "()", "(0, 12, 12)", "None")
    )
    kind = rng.choice(("'|u1'", "'|O'", "'<U1000000000'", "'<f8'", "'|V0'", "[('a', '<i4')]", "'?!'", "'<i8'", "7"))
    header = f"{{'descr': {kind}, 'fortran_order': {rng.choice(('True', 'False', '3'))}, 'shape': {shape}, }}"
    if rng.random() < 0.2:
        header = rng.choice(("__import__('os')", "{" * 3000, "1" * 20000, "", "{'descr'"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in good.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(f"{name}.npy", buffer.getvalue())
        victim = rng.choice((*(f"{name}.npy" for name in good), "class_names.npy"))
        magic = b"\x93NUMPY" + bytes((rng.choice((1, 2, 3, 9)), 0))
        archive.writestr(victim, magic + struct.pack("<H", len(header) & 0xFFFF) + header.encode() + bytes(64))


def _odd_archive(rng: random.Random, path: Path, good: dict[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))) as archive:
        for name, array in good.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            content = bytes_(rng, buffer.getvalue()) if rng.random() < 0.3 else buffer.getvalue()
            archive.writestr(
                rng.choice((f"{name}.npy", f"{name}.npy", name, f"../../{name}.npy", f"/{name}.npy")), content
            )
        if rng.random() < 0.3:
            with archive.open("bomb.npy", "w") as member:
                for _ in range(64):
                    member.write(bytes(2**20))


def _png(width: int, height: int) -> bytes:
    """A PNG header that promises a picture of this size."""
    import zlib

    chunk = b"IHDR" + struct.pack(">IIBBBBB", width & 0x7FFFFFFF, height & 0x7FFFFFFF, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + bytes(40)
