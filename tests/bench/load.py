#!/usr/bin/env python3
"""Many clients on one daemon for some minutes: watchers that follow one job, some of which take nothing, and others
that come and go. What the daemon holds meanwhile, and what it costs the probe.

    just load [--minutes 10] [--watchers 200] [--slow 20] [--cycles 1000] [--apart [--turn 20]] [--out FILE.csv]

Every second one line: seconds, resident bytes and open descriptors of the daemon, clients. At the end memory and
descriptors of the last third against those of the second, and the probe's speed while loaded beside the same probe
alone: pairs in turn, since shared machines drift. With --apart one long probe has a processor of its own, and on the
other one there is in turn nothing but the daemon, the crowd, or a neighbour that is as busy and knows nothing of the
daemon: what two processors take from each other is not the daemon's doing. Told besides is the share of the time that the probe
waited, which the speed of the machine does not enter. Exit code 1 where something grew or a
client was refused.
Needs the Python package websockets."""
import argparse, asyncio, json, os, pathlib, statistics, subprocess, sys, time

import websockets

from daemon import own_daemon, rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What may come and go between two looks: pages of the allocator, a few sockets that are being closed.
GROWTH_BYTES, GROWTH_DESCRIPTORS = 8 << 20, 40


class Load:
    def __init__(self, address, token, process, options):
        self.address = address.replace("http", "ws", 1) + "/v1/socket"
        self.token, self.process, self.options = token, process, options
        self.cycles = self.failed = self.heard = self.slow_gone = self.let_go = 0
        self.over = False

    async def connect(self, **more):
        # The daemon pings, and lets go who does not answer.
        socket = await websockets.connect(self.address, max_size=None, open_timeout=60, ping_interval=None, **more)
        await socket.send(json.dumps({"type": "hello", "protocol": 1, "min_version": 1, "token": self.token}))
        welcome = json.loads(await socket.recv())
        assert welcome["type"] == "welcome", welcome
        return socket

    async def follow(self, job, known=0):
        """A watcher that reads everything of this job and of those that begin, and comes again where it left off."""
        seen = {job: known}
        while not self.over:
            try:
                socket = await self.connect()
                for known, last in list(seen.items())[-8:]:
                    await socket.send(json.dumps({"type": "subscribe", "job": known, "from": last + 1}))
                while not self.over:
                    try:
                        message = json.loads(await asyncio.wait_for(socket.recv(), 2))
                    except asyncio.TimeoutError:
                        continue
                    if message["type"] == "event":
                        assert message["seq"] > seen[message["job"]], "an event came twice"
                        seen[message["job"]] = message["seq"]
                        self.heard += 1
                    elif message["type"] == "job" and message["job"]["job"] not in seen:
                        begun = message["job"]["job"]
                        seen[begun] = 0
                        for old in [old for old in seen if old <= begun - 8]:
                            await socket.send(json.dumps({"type": "unsubscribe", "job": old}))
                        await socket.send(json.dumps({"type": "subscribe", "job": begun, "from": 1}))
                await socket.close()
            except (OSError, websockets.exceptions.WebSocketException) as error:
                self.fail(error)

    async def take_nothing(self, job):
        """Follows the job from its beginning and then reads no more."""
        while not self.over:
            try:
                socket = await self.connect(max_queue=1)
                await socket.send(json.dumps({"type": "subscribe", "job": job, "from": 1}))
                socket.transport.pause_reading()
                end = time.monotonic() + 90
                while not self.over and time.monotonic() < end:
                    await asyncio.sleep(1)
                socket.transport.abort()
                self.slow_gone += 1
            except (OSError, websockets.exceptions.WebSocketException) as error:
                self.fail(error)

    async def come_and_go(self, job):
        """So many a minute, half of them without a word of farewell. A process of its own: this one has enough to do."""
        words = [sys.executable, __file__, "--cycles", str(self.options.cycles), "--come-and-go", self.address, "--job", str(job)]
        process = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        process.stdin.write(self.token.encode() + b"\n")
        known = 0, 0
        while line := await process.stdout.readline():
            told = tuple(map(int, line.split()))
            self.cycles += told[0] - known[0]
            self.failed += told[1] - known[1]
            known = told
            if self.over and process.stdin:
                process.stdin.close()
        await process.wait()

    async def cycle_until_the_end(self, job):
        asyncio.get_running_loop().run_in_executor(None, self.end_with_the_input)
        gap = 60 / self.options.cycles
        due = time.monotonic()
        running = set()
        while not self.over:
            due += gap
            await asyncio.sleep(max(0, due - time.monotonic()))
            task = asyncio.create_task(self.cycle(job, self.cycles % 2 == 0))
            running.add(task)
            task.add_done_callback(running.discard)
            self.cycles += 1
            print(self.cycles, self.failed, flush=True)
            if len(running) > 40:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*running)

    def end_with_the_input(self):
        sys.stdin.read()
        self.over = True

    async def cycle(self, job, rude):
        try:
            socket = await self.connect()
            # Whoever says goodbye has heard all; the other breaks off in the middle of the log.
            await socket.send(json.dumps({"type": "subscribe", "job": job, "from": 1 if rude else 1 << 40}))
            await socket.recv()
            if rude:
                socket.transport.abort()
            else:
                await socket.close()
        except (OSError, websockets.exceptions.WebSocketException, AssertionError) as error:
            self.fail(error)

    def fail(self, error):
        if self.over:
            return
        # Took nothing for a minute, as happens to clients on a machine with too much to do, and comes again.
        if "slow_client" in str(error):
            self.let_go += 1
        else:
            self.failed += 1
            print(f"a client failed: {type(error).__name__} {error}", file=sys.stderr)

    def look(self):
        status = pathlib.Path(f"/proc/{self.process}/status").read_text()
        resident = int(next(line for line in status.split("\n") if line.startswith("VmRSS")).split()[1]) * 1024
        return resident, len(os.listdir(f"/proc/{self.process}/fd"))

    def processor_ms(self):
        fields = pathlib.Path(f"/proc/{self.process}/stat").read_text().rsplit(")", 1)[1].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads_of_probe(self):
        children = subprocess.run(["pgrep", "-P", str(self.process)], capture_output=True, text=True, check=True)
        return [f"/proc/{process}/task/{thread}" for process in children.stdout.split() for thread in os.listdir(f"/proc/{process}/task")]

    def keep_apart(self):
        """The first processor for the probe under way, with all its threads."""
        for thread in self.threads_of_probe():
            os.sched_setaffinity(int(thread.rsplit("/", 1)[1]), {0})

    def computed_s(self):
        """How long the probe has been on its processor: all else of a turn it waited, for that processor or for the daemon."""
        return sum(int(pathlib.Path(thread, "schedstat").read_text().split()[0]) for thread in self.threads_of_probe()) / 1e9


def probe(data, steps, batch_rows):
    recipe = {"learning_rate": 2e-3, "batch_size": batch_rows, "epochs": 10000, "rank": 2, "sequence_length": 48}
    return {"kind": "probe", "model": "tiny", "device": "cpu", "stop": "never", "steps": steps, "data": {"upload": data}, "recipe": recipe}


async def ask(socket, **message):
    await socket.send(json.dumps({"id": 1, **message}))
    while (answer := json.loads(await socket.recv())).get("re") != 1:
        pass
    assert answer["type"] != "refused", answer
    return answer


async def timed(load, data):
    """Tokens a second of one short probe, as it tells itself."""
    socket = await load.connect()
    job = (await ask(socket, type="start", job=probe(data, load.options.steps, load.options.batch)))["job"]["job"]
    await socket.send(json.dumps({"type": "subscribe", "job": job, "from": 1}))
    result = None
    while True:
        message = json.loads(await socket.recv())
        if message["type"] == "event" and message["job"] == job:
            if message["kind"] == "result":
                result = message["payload"]
            if message["kind"] in ("done", "failed", "cancelled"):
                assert message["kind"] == "done", message
                await socket.close()
                return job, result["tokens_per_second"]


BUSY = "import json\nrows = [{'step': i, 'loss': i / 7} for i in range(2000)]\nwhile True: json.loads(json.dumps(rows))"
STATES = ("alone", "crowd", "neighbour")


class LongProbe:
    """One probe, and when each of its steps was entered into the log."""

    async def start(self, load, data):
        self.socket = await load.connect()
        spec = probe(data, 15_000, load.options.batch)
        self.job = (await ask(self.socket, type="start", job=spec))["job"]["job"]
        await self.socket.send(json.dumps({"type": "subscribe", "job": self.job, "from": 1}))
        self.times_ms, self.is_running = [], True
        self.reader = asyncio.create_task(self.read())
        while len(self.times_ms) < 5:
            if self.reader.done():
                self.reader.result()
            await asyncio.sleep(0.1)
        load.keep_apart()

    async def read(self):
        while self.is_running:
            message = json.loads(await self.socket.recv())
            if message["type"] == "event" and message["job"] == self.job:
                assert message["kind"] not in ("done", "failed", "cancelled") or not self.is_running, message
                self.last_seq = message["seq"]
                if message["kind"] == "step":
                    self.times_ms.append(message["time_ms"])

    def step_ms(self, begun, ended):
        """Mean of the steps between these two seconds: what stands still now and then counts, too."""
        within = [time for time in self.times_ms if 1000 * begun <= time <= 1000 * ended]
        return (within[-1] - within[0]) / (len(within) - 1)

    async def stop(self):
        self.is_running = False
        await self.socket.send(json.dumps({"type": "cancel", "job": self.job}))
        await self.reader
        await self.socket.close()


def crowd_of(load, job, seen=0):
    """Everybody who watches, takes nothing, or comes and goes; watchers have seen so many events of the log."""
    options = load.options
    everybody = [load.follow(job, seen) for _ in range(options.watchers - options.slow)]
    everybody += [load.take_nothing(job) for _ in range(options.slow)]
    return [asyncio.create_task(one) for one in [*everybody, load.come_and_go(job)]]


async def in_turns(load, data):
    """Step times of one probe while its neighbours change, round by round."""
    long = LongProbe()
    await long.start(load, data)
    rounds, waited = [], {state: [] for state in STATES}
    for number in range(load.options.pairs):
        found = {}
        for state in STATES[number % 3 :] + STATES[: number % 3]:
            load.over = state != "crowd"
            crowd = crowd_of(load, long.job, long.last_seq) if state == "crowd" else []
            busy = subprocess.Popen([sys.executable, "-c", BUSY]) if state == "neighbour" else None
            # Until everybody is connected.
            await asyncio.sleep(5)
            begun, computed_before = time.time(), load.computed_s()
            await asyncio.sleep(load.options.turn)
            computed = load.computed_s() - computed_before
            ended = time.time()
            load.over = True
            waited[state].append(1 - computed / (ended - begun))
            await asyncio.gather(*crowd)
            if busy:
                busy.kill()
                busy.wait()
            found[state] = begun, ended
        # What was last entered is on its way still.
        await asyncio.sleep(2)
        rounds.append({state: long.step_ms(*turn) for state, turn in found.items()})
        print(f"round {number + 1}: a step took " + ", ".join(f"{rounds[-1][state]:.0f} ms {state}, waiting {100 * waited[state][-1]:.2f} %" for state in STATES), file=sys.stderr)
    await long.stop()
    return rounds, waited


def with_error(values):
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return statistics.mean(values), error


def ratio(rounds, state, other):
    """Mean of the speed in one state beside the other one, and its standard error."""
    ratios = [found[other] / found[state] for found in rounds]
    mean, error = with_error(ratios)
    return f"{mean:.3f} +- {error:.3f} (median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f})"


async def measure(load, out):
    options = load.options
    socket = await load.connect()
    data = (await ask(socket, type="upload", upload="a", offset=0, text=rows("train", 400), last=True))["data"]
    await socket.close()
    # The job that everybody watches: its log is long and stays.
    watched, _ = await timed(load, data)
    begun, table, ratios = time.monotonic(), [], []
    spent = {False: 0.0, True: 0.0}
    deadline = begun + 60 * options.minutes

    async def record():
        while not load.over:
            resident, descriptors = load.look()
            table.append((time.monotonic() - begun, resident, descriptors))
            await asyncio.sleep(1)

    recorder = asyncio.create_task(record())
    crowd = crowd_of(load, watched)
    while time.monotonic() < deadline:
        await timed(load, data)
        print(f"{time.monotonic() - begun:5.0f} s: {table[-1][1] / 1e6:.1f} MB, {table[-1][2]} descriptors, {load.cycles} came and went, {load.failed} failed, {load.let_go} let go as slow", file=sys.stderr)
    load.over = True
    await asyncio.gather(*crowd)
    await recorder
    resident, descriptors = load.look()
    rounds, waited = await in_turns(load, data) if options.apart else ([], {})
    # The ratio in pairs: a crowd that comes for one probe and leaves for the next.
    for number in range(0 if options.apart else options.pairs):
        pair = {}
        for loaded in (False, True) if number % 2 else (True, False):
            load.over = not loaded
            crowd = crowd_of(load, watched) if loaded else []
            await asyncio.sleep(5 * loaded)
            before = load.processor_ms()
            pair[loaded] = (await timed(load, data))[1]
            spent[loaded] += (load.processor_ms() - before) / options.steps / options.pairs
            load.over = True
            await asyncio.gather(*crowd)
        ratios.append(pair[True] / pair[False])
        print(f"pair {number + 1}: {pair[False]:.0f} tokens/s alone, {pair[True]:.0f} loaded", file=sys.stderr)
    if options.plot:
        pathlib.Path(options.plot).write_text(plot(table))
    if out:
        # Every tenth second is enough for a plot.
        lines = [f"{second:.0f},{bytes},{count}" for second, bytes, count in table[::10]]
        pathlib.Path(out).write_text("seconds,resident_bytes,descriptors\n" + "\n".join(lines) + "\n")
    third = len(table) // 3
    part = lambda column, low, high: statistics.median(row[column] for row in table[low:high])
    grown = part(1, 2 * third, None) - part(1, third, 2 * third)
    more = part(2, 2 * third, None) - part(2, third, 2 * third)
    print(f"{options.watchers} watchers ({options.slow} of them take nothing), {load.cycles} connections came and went in {table[-1][0] / 60:.1f} minutes and {len(ratios)} pairs, {load.failed} failed, {load.let_go} watchers were let go as slow and came again")
    print(f"resident memory: {part(1, third, 2 * third) / 1e6:.1f} MB in the middle third, {part(1, 2 * third, None) / 1e6:.1f} MB in the last, worst {max(row[1] for row in table) / 1e6:.1f} MB, {resident / 1e6:.1f} MB when all had gone")
    print(f"descriptors: {part(2, third, 2 * third):.0f} in the middle third, {part(2, 2 * third, None):.0f} in the last, worst {max(row[2] for row in table)}, {descriptors} when all had gone")
    if ratios:
        print(f"probe's speed loaded / alone: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f} in {len(ratios)} pairs")
    if rounds:
        print(f"probe's speed in {len(rounds)} rounds, each a mean with its standard error:")
        for state, other in (("crowd", "alone"), ("neighbour", "alone"), ("crowd", "neighbour")):
            print(f"  {state} / {other}: {ratio(rounds, state, other)}")
        print("share of the time that the probe was not on its processor, likewise:")
        for state in STATES:
            mean, error = with_error([100 * share for share in waited[state]])
            print(f"  {state}: {mean:.2f} +- {error:.2f} %")
    bad = load.failed or grown > GROWTH_BYTES or more > GROWTH_DESCRIPTORS
    print(f"{load.heard} events heard")
    if ratios:
        print(f"processor time of the daemon: {spent[False]:.2f} ms a step alone, {spent[True]:.2f} ms loaded")
    return 1 if bad else 0


def plot(table):
    """Two lines over time, each from zero to its own highest value."""
    end = table[-1][0]
    width, height, left = 640, 200, 60
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 2 * left} {height + 50}" font-family="sans-serif" font-size="12">']
    for column, colour, unit, scale in ((1, "#1a6", "MB", 1e6), (2, "#b50", "descriptors", 1)):
        most = 1.2 * max(row[column] for row in table)
        points = " ".join(f"{left + width * row[0] / end:.1f},{10 + height * (1 - row[column] / most):.1f}" for row in table[:: max(1, len(table) // 300)])
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>')
        last = table[-1][column]
        x = left + 4 if column == 1 else left + width / 2
        parts.append(f'<text x="{x:.0f}" y="{height + 42}" fill="{colour}">{unit}: {last / scale:.0f} at the end, worst {max(row[column] for row in table) / scale:.0f}</text>')
    parts.append(f'<path d="M{left} 10V{height + 10}H{left + width}" fill="none" stroke="#888"/>')
    parts += [f'<text x="{left + width * minute * 60 / end:.0f}" y="{height + 26}" text-anchor="middle" fill="#666">{minute} min</text>' for minute in range(0, int(end / 60) + 1, max(1, int(end / 360)))]
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=str(ROOT / "target/debug/foretune"))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--slow", type=int, default=20)
    parser.add_argument("--cycles", type=int, default=1000, help="connections that come and go in a minute")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch", type=int, default=32, help="rows of a step: more make a step longer")
    parser.add_argument("--pairs", type=int, default=5, help="with and without the crowd; with --apart rounds of three")
    parser.add_argument("--apart", action="store_true", help="a processor for the probe, another for daemon and clients")
    parser.add_argument("--turn", type=float, default=20, help="with --apart: seconds of each state in a round")
    parser.add_argument("--plot", help="the same as a picture, SVG")
    parser.add_argument("--out", help="memory and descriptors over time, as CSV")
    parser.add_argument("--come-and-go", help=argparse.SUPPRESS)
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.come_and_go:
        load = Load(options.come_and_go.removesuffix("/v1/socket"), sys.stdin.readline().strip(), 0, options)
        return asyncio.run(load.cycle_until_the_end(options.job))
    if options.apart:
        # The daemon inherits it, and the probe from it, so that it computes with one thread.
        os.sched_setaffinity(0, {1})
    with own_daemon(options.binary) as (daemon, address, token):
        # The clients stand for other machines' or idle pages: what they cost is not the daemon's doing.
        os.nice(5)
        code = asyncio.run(measure(Load(address, token, daemon.pid, options), options.out))
    sys.exit(code)


main()
