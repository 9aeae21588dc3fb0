"""The irises, the digits, and `mnist()` against a web server of our own."""

import _thread
import hashlib
import io
import os
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
import types
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from nnlib import data

# ---------------------------------------------------------------- what is imported, and when


def test_mnist_in_a_folder_needs_numpy_alone(monkeypatch, tmp_path, little):
    (tmp_path / "mnist.npz").write_bytes(little)
    monkeypatch.setenv("NNLIB_DATA", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(data.mnist()[1]) == 7


@pytest.mark.parametrize(
    "function, module, package",
    [
        (data.iris, "sklearn.datasets", "scikit-learn"),
        (data.digits, "sklearn.datasets", "scikit-learn"),
        (data.mnist, "pooch", "pooch"),
        (data.mnist, "tqdm", "tqdm"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, nowhere, function, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as error:
        function()
    assert str(error.value) == f"this needs {package}: python -m pip install {package}"


# In a browser's Python (Pyodide); tests/test_lite.py does it in a browser.


@pytest.fixture
def in_a_browser(monkeypatch):
    """A Python that says it is one, and what is asked of it to load."""
    loaded = []
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "pyodide", types.ModuleType("pyodide"))
    monkeypatch.setitem(sys.modules, "pyodide.ffi", types.SimpleNamespace(run_sync=lambda waiting: waiting))
    monkeypatch.setitem(sys.modules, "pyodide_js", types.SimpleNamespace(loadPackage=loaded.append))
    return loaded


def test_in_a_browser_a_package_is_loaded_when_asked_for(monkeypatch, in_a_browser):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="run `import sklearn` in a cell of its own"):
        data.iris()  # it is still not there
    assert in_a_browser == ["scikit-learn"]

    def there(package):
        datasets = types.SimpleNamespace(load_iris=lambda return_X_y: (np.ones((1, 4)), np.zeros(1)))
        monkeypatch.setitem(sys.modules, "sklearn.datasets", datasets)

    monkeypatch.setattr(sys.modules["pyodide_js"], "loadPackage", there)
    assert data.iris()[0].shape == (1, 4)


def test_in_a_browser_mnist_says_what_to_do(monkeypatch, tmp_path, in_a_browser, little):
    monkeypatch.setenv("NNLIB_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="press 'Run in the browser', and choose the file there"):
        data.mnist()
    (tmp_path / "mnist.npz").write_bytes(little)
    assert len(data.mnist()[1]) == 7 and in_a_browser == []


# ---------------------------------------------------------------- irises and digits


def test_iris():
    from sklearn.datasets import load_iris

    X, y = data.iris()
    assert X.shape == (150, 4) and X.dtype == np.float64 and y.shape == (150,) and y.dtype == np.int64
    assert np.array_equal(X, load_iris().data) and np.array_equal(y, load_iris().target)
    assert np.bincount(y).tolist() == [50, 50, 50]
    assert X[0].tolist() == [5.1, 3.5, 1.4, 0.2]  # the first setosa: sepal length, width, petal length, width
    assert [X[y == kind, 2].mean().round(3) for kind in range(3)] == [1.462, 4.26, 5.552]  # in the order of the names


@pytest.mark.parametrize("load", [data.iris, data.digits])
def test_each_call_gives_arrays_of_its_own(load):
    X, y = load()
    X[:], y[:] = -1, -1
    again_X, again_y = load()
    assert again_X.min() >= 0 and again_y.min() == 0


def test_digits():
    from sklearn.datasets import load_digits

    X, y = data.digits()
    assert X.shape == (1797, 64) and X.dtype == np.float64 and X.min() == 0 and X.max() == 1
    assert y.shape == (1797,) and y.dtype == np.int64
    assert np.array_equal(X * 16, load_digits().data) and np.array_equal(y, load_digits().target)


# ---------------------------------------------------------------- mnist: what the tests stand on


def pack(arrays, compression=zipfile.ZIP_STORED):
    """The bytes of an .npz archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w") as member:
                np.lib.format.write_array(member, np.asanyarray(array))
    return file.getvalue()


def little_arrays():
    """MNIST in little: 7 and 3 images of 4 x 4 pixels."""
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (7, 4, 4)),
        "y_train": rng.integers(0, 10, 7),
        "x_test": rng.integers(0, 256, (3, 4, 4)),
        "y_test": rng.integers(0, 10, 3),
    }
    arrays = {name: array.astype(np.uint8) for name, array in arrays.items()}
    arrays["x_train"][0, 0, :2] = 0, 255
    return arrays


@pytest.fixture
def little(monkeypatch):
    """An archive of the little MNIST, which `mnist()` then takes for the real one."""
    monkeypatch.setattr(
        data,
        "MNIST_ARRAYS",
        {name: (array.shape, hashlib.sha256(array.tobytes()).hexdigest()) for name, array in little_arrays().items()},
    )
    return pack(little_arrays())


@pytest.fixture
def real_arrays():
    """The real arrays, from wherever this computer has them."""
    return dict(zip(data.MNIST_ARRAYS, data._find_mnist()))


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, which does not exist yet; no NNLIB_DATA, and no proxy."""
    import pooch

    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("NNLIB_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(data, "MNIST_TIMEOUT", (5, 5))
    return tmp_path / "cache" / "nnlib"


def listing(folder):
    return sorted(path.name for path in folder.rglob("*"))


@pytest.fixture
def nowhere(monkeypatch, cache):
    """No host answers: nobody listens at this port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/mnist.npz"
    monkeypatch.setattr(data, "MNIST_URLS", (url,))
    return url


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of the tests


class Host:
    """A web server on this machine; the path of an address says how it behaves."""

    def __init__(self, body):
        self.body = body
        self.asked = []
        self.over = threading.Event()  # ends the stalls
        self.both = threading.Barrier(2)
        self.halfway = lambda: None  # called when half of the file is sent

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):
                self.asked.append(handler.path)
                getattr(self, handler.path.strip("/"))(handler)

            def log_message(self, *args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, *behaviours):
        return tuple(f"http://127.0.0.1:{self.server.server_address[1]}/{b}" for b in behaviours)

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def send(self, handler, body, length=None, halfway=None):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        half = len(body) // 2
        handler.wfile.write(body[:half])
        handler.wfile.flush()
        (halfway or self.halfway)()
        handler.wfile.write(body[half:])

    def good(self, handler):
        self.send(handler, self.body)

    def together(self, handler):
        self.both.wait(30)  # answers only when two have asked
        self.send(handler, self.body)

    def damaged(self, handler):
        at = self.body.index(b"\x93NUMPY") + 128 + 5  # in the pixels, behind the array's header
        flipped = bytes([self.body[at] ^ 1])
        self.send(handler, self.body[:at] + flipped + self.body[at + 1 :])

    def truncated(self, handler):
        self.send(handler, self.body[:-200], length=len(self.body))

    def cut(self, handler):  # truncated by a server that doesn't say how much to expect
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(self.body[:-200])

    def page(self, handler):  # what the log-in page of a hotel's network does
        self.send(handler, b"<html>Please log in</html>")

    def missing(self, handler):
        handler.send_error(404)

    def silent(self, handler):
        self.over.wait(30)

    def stalled(self, handler):
        self.send(handler, self.body, halfway=lambda: self.over.wait(30))


@pytest.fixture
def host(cache, little):
    host = Host(little)
    yield host
    host.close()


def assert_little(result):
    arrays = little_arrays()
    X_train, y_train, X_test, y_test = result
    for X, y, kind in ((X_train, y_train, "train"), (X_test, y_test, "test")):
        images = arrays["x_" + kind]
        assert X.dtype == np.float32 and y.dtype == np.int64
        assert np.array_equal(X, (images.reshape(len(images), 16) / 255).astype(np.float32))
        assert np.array_equal(y, arrays["y_" + kind])
    assert X_train.min() == 0 and X_train.max() == 1


# ---------------------------------------------------------------- mnist: downloads


def test_mnist_is_downloaded_once(monkeypatch, host, cache):
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good", "damaged"))
    assert_little(data.mnist())
    assert listing(cache) == ["mnist.npz"] and (cache / "mnist.npz").read_bytes() == host.body
    assert_little(data.mnist())
    assert host.asked == ["/good"]


def test_the_file_appears_whole(monkeypatch, host, cache):
    seen = []
    host.halfway = lambda: seen.append((cache / "mnist.npz").exists() or not cache.exists())
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good"))
    data.mnist()
    assert seen == [False] and (cache / "mnist.npz").exists()


FAULTS = {
    "damaged": "damaged, or not MNIST (BadZipFile: Bad CRC-32",
    "truncated": "IncompleteRead",
    "cut": "damaged, or not MNIST (BadZipFile: File is not a zip file)",
    "page": "damaged, or not MNIST (",
    "missing": "404 Client Error",
    "silent": "Read timed out",
    "stalled": "Read timed out",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_bad_host_the_next_one_is_asked(monkeypatch, host, cache, fault):
    monkeypatch.setattr(data, "MNIST_TIMEOUT", (5, 0.2))
    monkeypatch.setattr(data, "MNIST_URLS", host.url(fault, "good"))
    start = time.monotonic()
    assert_little(data.mnist())
    assert time.monotonic() - start < 4  # not the 30 s of the stall
    assert host.asked == ["/" + fault, "/good"]
    assert listing(cache) == ["mnist.npz"] and (cache / "mnist.npz").read_bytes() == host.body


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_host_leaves_nothing(monkeypatch, host, cache, fault):
    monkeypatch.setattr(data, "MNIST_TIMEOUT", (5, 0.2))
    monkeypatch.setattr(data, "MNIST_URLS", host.url(fault))
    with pytest.raises(FileNotFoundError) as error:
        data.mnist()
    assert f"  {host.url(fault)[0]}: " in str(error.value) and FAULTS[fault] in str(error.value)
    assert str(error.value).count("mnist.npz") == 1  # no talk of temporary files that are gone
    assert listing(cache) == []


def test_when_all_fail_one_error_says_what_to_do(monkeypatch, host, cache, nowhere):
    urls = (nowhere, *host.url("missing", "damaged"))
    monkeypatch.setattr(data, "MNIST_URLS", urls)
    with pytest.raises(FileNotFoundError) as error:
        data.mnist()
    first, *answers, last = str(error.value).splitlines()
    assert first == "mnist.npz is not on this computer and could not be downloaded:"
    assert [answer.split(": ")[0].strip() for answer in answers] == list(urls)
    assert ["refused" in answers[0] or "10061" in answers[0], "404" in answers[1], "damaged" in answers[2]] == [
        True
    ] * 3
    assert "NNLIB_DATA (now not set)" in last and str(cache) in last


def test_without_any_network(nowhere, cache):
    with pytest.raises(FileNotFoundError, match="could not be downloaded"):
        data.mnist()
    assert listing(cache) == []


def test_a_cache_that_cannot_be_written_is_said(monkeypatch, host, cache):
    cache.parent.write_text("a file where the cache's folder should be")
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good"))
    with pytest.raises(FileNotFoundError, match="(?s)could not be downloaded.*NNLIB_DATA"):
        data.mnist()


def test_a_file_that_cannot_be_replaced_is_no_failure(monkeypatch, host, cache):
    def refuse(source, target):
        raise PermissionError("another process reads it")

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good"))
    assert_little(data.mnist())
    assert listing(cache) == []


def test_an_interrupted_download_leaves_nothing(monkeypatch, host, cache):
    seen = []

    def interrupt():
        while not any(path.is_file() for path in cache.rglob("*")):  # until it is half written
            time.sleep(0.01)
        seen.extend(listing(cache))
        _thread.interrupt_main()  # what Ctrl-C does

    host.halfway = interrupt
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good", "good"))
    with pytest.raises(KeyboardInterrupt):
        data.mnist()
        time.sleep(5)  # were it to come late
    assert "mnist.npz" in seen and listing(cache) == [] and host.asked == ["/good"]


PROGRAM = """
import pathlib, sys, pooch
from nnlib import data
cache, url, data.MNIST_ARRAYS = sys.argv[1], sys.argv[2], eval(sys.argv[3])
pooch.os_cache = lambda project: pathlib.Path(cache)
data.MNIST_URLS = (url,)
print(data.mnist()[1].tolist())
"""


def start(cache, url, **environment):
    environment = {**os.environ, "NO_PROXY": "*", **environment}
    environment.pop("NNLIB_DATA", None)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, cache, url, repr(data.MNIST_ARRAYS)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_two_processes_at_first_use_leave_one_good_file(host, cache):
    processes = [start(cache, *host.url("together")) for _ in range(2)]
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert output == f"{little_arrays()['y_train'].tolist()}\n", errors
    assert host.asked == ["/together"] * 2
    assert listing(cache) == ["mnist.npz"] and (cache / "mnist.npz").read_bytes() == host.body


@pytest.mark.parametrize("disabled", ["", "1"])
def test_progress_bar(host, cache, disabled):
    output, errors = start(cache, *host.url("good"), TQDM_DISABLE=disabled).communicate(timeout=60)
    assert output == f"{little_arrays()['y_train'].tolist()}\n"  # and nothing else
    assert ("100%" in errors) if not disabled else (errors == "")


def test_the_hosts_and_timeouts_of_readers():
    assert len(data.MNIST_URLS) >= 2 and all(url.startswith("https://") for url in data.MNIST_URLS)
    assert data.MNIST_TIMEOUT == (5, 30)


# ---------------------------------------------------------------- mnist: files on the computer


@pytest.fixture
def folder(monkeypatch, nowhere, tmp_path):
    """NNLIB_DATA, an empty folder; and no host answers."""
    monkeypatch.setenv("NNLIB_DATA", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_any_archive_of_the_same_arrays_will_do(folder, little, compression):
    arrays = dict(reversed(little_arrays().items()), extra=np.zeros(3))
    arrays["x_train"] = np.asfortranarray(arrays["x_train"])
    (folder / "mnist.npz").write_bytes(pack(arrays, compression))
    assert_little(data.mnist())


def test_nnlib_data_comes_before_the_cache(monkeypatch, folder, cache, little):
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(b"never looked at")
    (folder / "mnist.npz").write_bytes(little)
    monkeypatch.chdir(folder.parent)
    for value in (folder, "mine", f"mine{os.sep}"):
        monkeypatch.setenv("NNLIB_DATA", str(value))
        assert_little(data.mnist())


def test_nnlib_data_may_start_with_a_tilde(monkeypatch, folder, little):
    (folder / "mnist.npz").write_bytes(little)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    monkeypatch.setenv("NNLIB_DATA", "~/mine")
    assert_little(data.mnist())


def test_nnlib_data_without_the_file_goes_on(monkeypatch, folder, host, cache):
    with pytest.raises(FileNotFoundError) as error:
        data.mnist()
    assert f"NNLIB_DATA (now {folder})" in str(error.value)
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good"))
    assert_little(data.mnist())
    assert listing(folder) == [] and listing(cache) == ["mnist.npz"]


@pytest.mark.parametrize("value", ["", None])
def test_nnlib_data_unset_or_empty(monkeypatch, cache, little, value):
    monkeypatch.setenv("NNLIB_DATA", value) if value is not None else None
    monkeypatch.chdir(cache.parent.parent)
    Path("mnist.npz").write_bytes(b"never looked at")
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(little)
    assert_little(data.mnist())


def test_nnlib_data_must_exist(monkeypatch, host, cache, tmp_path):
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good"))
    (tmp_path / "mnist.npz").write_bytes(host.body)
    monkeypatch.chdir(tmp_path)
    for missing in (tmp_path / "mistyped", tmp_path / "mnist.npz", "mistyped"):
        monkeypatch.setenv("NNLIB_DATA", str(missing))
        with pytest.raises(ValueError) as error:
            data.mnist()
        assert str(error.value) == (
            f"NNLIB_DATA is {Path(tmp_path, missing).resolve()}; it must be a folder that exists"
        )
    assert host.asked == []


def change(name, index):
    """The little MNIST with one number changed."""
    arrays = little_arrays()
    arrays[name][index] ^= 1
    return arrays


def damages():
    good = little_arrays()
    packed = pack(good)
    at = packed.index(good["x_test"].tobytes()) + 5
    return {
        "empty": (b"", "EOFError"),
        "text": (b"hello", "ValueError"),
        "half": (packed[: len(packed) // 2], "BadZipFile"),
        "end lost": (packed[:-1], "BadZipFile"),
        "byte flipped": (packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :], "Bad CRC-32"),
        "a pixel": (pack(change("x_train", (3, 2, 1))), "the bytes of x_train have another sha256"),
        "a label": (pack(change("y_train", 0)), "the bytes of y_train have another sha256"),
        "a test pixel": (pack(change("x_test", (0, 0, 0))), "bytes of x_test have another sha256"),
        "a test label": (pack(change("y_test", 2)), "the bytes of y_test have another sha256"),
        "array lost": (pack({name: good[name] for name in ("x_train", "y_train", "x_test")}), "y_test is not a file"),
        "flat": (
            pack({**good, "x_test": good["x_test"].reshape(3, 16)}),
            "x_test is uint8 (3, 16), not uint8 (3, 4, 4)",
        ),
        "signed": (pack({**good, "y_test": good["y_test"].astype(np.int8)}), "y_test is int8 (3,), not uint8 (3,)"),
        "objects": (pack({**good, "y_test": good["y_test"].astype(object)}), "allow_pickle=False"),
    }


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_file_in_nnlib_data_is_an_error(monkeypatch, folder, host, cache, damage):
    content, reason = damages()[damage]
    (folder / "mnist.npz").write_bytes(content)
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good"))
    with pytest.raises(ValueError) as error:
        data.mnist()
    message = str(error.value)
    assert message.startswith(f"{(folder / 'mnist.npz').resolve()} is damaged, or not MNIST (")
    assert reason in message and "NNLIB_DATA" in message
    assert host.asked == [] and (folder / "mnist.npz").read_bytes() == content


@pytest.mark.parametrize("damage", ["empty", "half", "byte flipped", "a pixel", "array lost"])
def test_a_damaged_file_in_the_cache_is_named_and_fetched_anew(monkeypatch, host, cache, damage):
    content, reason = damages()[damage]
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(content)
    monkeypatch.setattr(data, "MNIST_URLS", host.url("good"))
    with pytest.warns(UserWarning) as warned:
        assert_little(data.mnist())
    assert len(warned) == 1 and warned[0].filename == __file__
    message = str(warned[0].message)
    assert message.startswith(f"{cache / 'mnist.npz'} is damaged, or not MNIST (")
    assert reason in message and message.endswith("; fetching it anew")
    assert listing(cache) == ["mnist.npz"] and (cache / "mnist.npz").read_bytes() == host.body


# ---------------------------------------------------------------- mnist: the real one


@pytest.mark.mnist
def test_the_real_mnist():
    X_train, y_train, X_test, y_test = data.mnist()
    assert X_train.shape == (60000, 784) and X_test.shape == (10000, 784)
    assert X_train.dtype == X_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int64
    assert X_train.min() == X_test.min() == 0 and X_train.max() == X_test.max() == 1
    assert round(X_train.mean(dtype=float), 4) == 0.1307
    assert round(X_train.std(dtype=float), 4) == 0.3081
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # the training images as LeCun's own file has them: a header, then the pixels
    pixels = np.rint(X_train * 255).astype(np.uint8).tobytes()
    header = struct.pack(">IIII", 2051, 60000, 28, 28)
    assert hashlib.sha256(header + pixels).hexdigest() == (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    )


@pytest.mark.mnist
def test_the_real_mnist_over_the_network(real_arrays, monkeypatch, cache):
    repacked = pack(real_arrays)  # without compression: another file, the same arrays
    host = Host(repacked)
    try:
        monkeypatch.setattr(data, "MNIST_URLS", host.url("truncated", "damaged", "good"))
        assert data.mnist()[2].shape == (10000, 784)
        assert host.asked == ["/truncated", "/damaged", "/good"]
        assert listing(cache) == ["mnist.npz"]
        assert (cache / "mnist.npz").stat().st_size == len(repacked)
    finally:
        host.close()
