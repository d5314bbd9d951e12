"""A daemon of one's own for a benchmark, and rows for its probes."""
import contextlib, json, subprocess, tempfile, time


def rows(part, count):
    answers = ["red", "blue"]
    row = lambda i: {"instruction": "Name the colours.", "input": f"{answers[i % 2]} thing {i} of the {part} rows " + "word " * (i % 25), "output": answers[i % 2]}
    return "".join(json.dumps(row(i)) + "\n" for i in range(count))


@contextlib.contextmanager
def own_daemon(binary):
    """The process, its address and its token; it ends with the block."""
    with tempfile.TemporaryDirectory() as state:
        daemon = subprocess.Popen([binary, "serve", "--port", "0", "--state", state, "--log", "error"], stderr=subprocess.DEVNULL)
        try:
            link = ""
            while "#pair=" not in link:
                assert daemon.poll() is None, "the daemon ended"
                time.sleep(0.1)
                asked = subprocess.run([binary, "serve", "--link", "--state", state], capture_output=True, text=True)
                link = asked.stdout.split("\n")[0]
            address, token = link.split("/#pair=")
            yield daemon, address, token
        finally:
            daemon.terminate()
            daemon.wait()
