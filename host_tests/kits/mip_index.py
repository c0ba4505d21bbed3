"""An index of packages on loopback, as `mpremote mip` asks one, with an aiorepl of the tests' own.

That aiorepl has the interface and the wire of micropython-lib's: `task(g, prompt)`, control-C taken
as a character, control-A for the raw prompt, control-D to end. A chip makes CR LF of each LF, the
unix port does not: so the heading has both.
"""

import hashlib
import http.server
import json
import threading
from pathlib import Path
from typing import Self

from dianka.flash.build import compile_module
from dianka.flash.service import REPL, REPL_VERSION

AIOREPL = """
import asyncio
import micropython
import sys


async def task(g=None, prompt="--> "):
    print("Starting asyncio REPL...")
    micropython.kbd_intr(-1)
    stream = asyncio.StreamReader(sys.stdin)
    try:
        sys.stdout.write(prompt)
        while True:
            character = await stream.read(1)
            if character in ("\\x04", b"\\x04"):
                asyncio.new_event_loop()
                return
            if character in ("\\x01", b"\\x01"):
                await _raw(stream, g)
                sys.stdout.write(prompt)
    finally:
        micropython.kbd_intr(3)


async def _raw(stream, g):
    sys.stdout.write("raw REPL; CTRL-B to exit\\r\\n>")
    line = ""
    while True:
        character = await stream.read(1)
        if isinstance(character, bytes):
            character = character.decode()
        if character == "\\x01":
            known = line == "\\x05A"
            sys.stdout.write("R\\x00" if known else "raw REPL; CTRL-B to exit\\r\\n>")
            line = ""
        elif character == "\\x02":
            return
        elif character == "\\x03":
            line = ""
        elif character == "\\x04":
            sys.stdout.write("OK")
            try:
                exec(line, g)
                sys.stdout.write("\\x04\\x04>")
            except Exception as error:
                sys.stdout.write("\\x04")
                sys.print_exception(error, sys.stdout)
                sys.stdout.write("\\x04>")
            line = ""
        else:
            line += character
"""


class MipIndex:
    """The index; `url` is where it is. It has nothing but aiorepl."""

    def __init__(self, folder: Path, source: str = AIOREPL) -> None:
        module = folder / f"{REPL}.py"
        folder.mkdir(parents=True)
        module.write_text(source, encoding="utf-8")
        content = compile_module(module, "x64")
        number = hashlib.sha256(content).hexdigest()[:8]
        package = {"v": 1, "version": REPL_VERSION, "hashes": [[f"{REPL}.mpy", number]]}
        self._write(folder / "package" / "6" / REPL / f"{REPL_VERSION}.json", json.dumps(package))
        self._write(folder / "file" / number[:2] / number, content)
        self.asked: list[str] = []
        index = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

            def log_request(self, *args: object) -> None:
                index.asked.append(self.path)

            def log_message(self, *args: object) -> None:
                """Say nothing on the tests' terminal."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @staticmethod
    def _write(path: Path, content: str | bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
